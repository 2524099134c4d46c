# The shopper's page: first name; what happened, then what to do.
phone-title = Hello { $name }
phone-hello = Hello { $name }, good to see you
phone-open = Open today until { $time }
phone-tabs = This page
tab-orders = Pickup
tab-messages = Messages
tab-choices = Choices
tab-kept = Kept

orders-ready = { $count ->
    [one] Your order is ready
   *[other] Your orders are ready
}
orders-coming = { $count ->
    [one] Your order is not ready yet
   *[other] Your orders are not ready yet
}
orders-none = Nothing to collect
orders-elsewhere = Nothing to collect here
orders-lies-at = Order { $number } is ready at { $store }, not here.
orders-returns = { $count ->
    [one] Your return
   *[other] Your returns
}
orders-none-more = Order something for this shop and your code appears here.
orders-say-code = Say this code
orders-qr = QR code with code { $code }
rate-question = How were you helped?
rate-mark = { $mark } out of 5
rate-more = 1 is bad, 5 is good. Your mark counts without your name.
rate-thanks = Thank you, your mark counts.
orders-keep = We keep it until { $moment }
orders-other = { $count ->
    [one] { $count } more order
   *[other] { $count } more orders
}
return-say-code = Show this code
return-number = Return { $number }
return-until = You can bring it back up to and including { $day }
return-taken = Return { $number } has been accepted.
order-placed = not ready yet
order-ready = ready
order-delayed = later than promised
order-cancelled = cancelled
order-completed = collected
here-button = I’m here
help-button = I need help
help-asked = You asked for help. Somebody is coming to you.
help-back = Not needed after all
here-since = Seen at { $time }. Somebody is coming to you with your order.

here-since-return = Seen at { $time }. Somebody is coming to you.

message-stock = { $stock ->
    [one] { $stock } left in stock.
   *[other] { $stock } left in stock.
}
message-from-viewed = You looked at this online
message-from-read = You read about it
message-from-wishlisted = From your wishlist
message-from-carted = From your basket
messages-none = No message yet
messages-none-more = If something is here for you, it appears in this place, with the reason.
messages-off = Messages are off
messages-off-more = Want them after all? Turn them on under “What may Welkom do?”.
why-heading = Why do I get this?
why-online = { $when }, online
why-viewed = { $views ->
    [0] You looked at this.
    [one] You looked at this once.
   *[other] You looked at this { $views } times.
}
why-read = You read an article about this.
why-wishlisted = { $views ->
    [0] You put this on your wishlist.
    [one] You put this on your wishlist and looked at it once.
   *[other] You put this on your wishlist and looked at it { $views } times.
}
why-carted = { $views ->
    [0] You put this in your basket.
    [one] You put this in your basket and looked at it once.
   *[other] You put this in your basket and looked at it { $views } times.
}
why-zone = { $when }, { $zone }
why-sure = We were { $percent }% sure that you stood there.
why-rule = Our rule
why-rule-viewed = Looked at online, in stock here.
why-rule-store = A message of this store, for who has messages switched on.
why-rule-read = From an article that you read, in stock here.
why-rule-wishlisted = On your wishlist, in stock here.
why-rule-carted = In your basket, in stock here.
why-cap = This is message { $number } of at most { $max } today.
why-off = Rather no messages? Turn them off here.

choices-heading = What may Welkom do?
choices-intro = You choose, one by one. All is off until you say yes. A no works within five seconds.
choices-yes = Yes
choices-no = No
choices-save = Save my choices
quiet-pause = Pause today
quiet-resume = Messages today after all
quiet-mute = Never from { $store }
quiet-unmute = From { $store } again
consent-arrival = Arrival for my order
consent-arrival-more = The shop knows you are here and gets your order ready.
consent-messages = Messages in the shop
consent-messages-more = { $max ->
    [one] At most one a day, never more.
   *[other] At most { $max } a day, never more.
}
consent-browsing = Use my wishlist and browsing
consent-browsing-more = To choose what matters to you.
consent-statistics = Count me in the figures
consent-statistics-more = Always in groups of at least ten, never by name.
kept-heading = What we keep of you

say-here = Seen. Somebody is coming to you with your order.
say-help = Somebody is coming to you.
say-help-back = Fine, nobody will come.
say-help-failed = That did not get through. Please walk up to a member of staff.
say-help-not-here = We do not see you in the shop now. Please walk up to a member of staff.
say-help-too-often = You asked for help often this hour. Please walk up to a member of staff.
say-here-failed = That did not arrive. Go to the desk and say your code, and all will be well.
say-choice-yes = Saved: { $what } is on.
say-choice-no = Saved: { $what } is off.
say-choice-failed = That was not saved; the switch is back where it was. Try again in a moment.

notify-button = Notifications on this device
notify-on = Notifications on this device are on.
notify-off = Notifications on this device are off.
notify-denied = Your browser does not allow notifications from us. You can change that in its settings.
notify-failed = That did not work. Try again in a moment; your messages are always on this page.

stamps-heading = Your stamp card
stamps-intro = One card for shop and web shop. No points to work out.
stamps-per-visits = { $every ->
    [one] For each visit: { $reward }.
   *[other] For every { $every } visits: { $reward }.
}
stamps-per-check-ins = { $every ->
    [one] Each day that you say “I’m here”: { $reward }.
   *[other] For every { $every } days that you say “I’m here”: { $reward }.
}
stamps-per-online = { $every ->
    [one] For each order in the web shop: { $reward }.
   *[other] For every { $every } orders in the web shop: { $reward }.
}
stamps-per-store = { $every ->
    [one] For each purchase in the shop: { $reward }.
   *[other] For every { $every } purchases in the shop: { $reward }.
}
stamps-per-purchases = { $every ->
    [one] For each purchase, in the shop or online: { $reward }.
   *[other] For every { $every } purchases, in the shop or online: { $reward }.
}
stamps-per-mixed = { $every ->
    [one] For each visit and each purchase: { $reward }.
   *[other] For every { $every } visits or purchases: { $reward }.
}
stamps-least = A purchase counts from { $money }.
stamps-progress = { $stamps ->
    [0] No stamp yet.
   *[other] { $stamps } so far, { $left } to go.
}
stamps-show = Show this at the till
stamps-until = Good until { $day }
stamps-counted = We count on which days you were in a shop and what you bought, for a year. Your visits only if Welkom may see you in the shop, under “What may Welkom do?”.
stamps-join = Join
stamps-how = How this works, and stopping
stamps-leave = Stop and erase my stamp card
stamps-leave-more = If you stop, we erase your stamps and what you can still redeem.
message-reward = To your stamp card
why-rule-reward = Something of your stamp card is about to run out.

tab-walk = Walk
walk-heading = Your wishlist, as a walk
walk-count = { $here } of { $all } here
walk-entrance = Entrance
walk-in = in at { $time }
walk-lit = { $zone }: you are here, we think
walk-way = { $zone }, about { $metres } m
walk-not-here = Not in this shop
walk-last = last one
walk-stock = { $stock } left
walk-elsewhere = at { $stores }
walk-nowhere = out of stock everywhere
search-link = Is it here too?
search-back = Back
search-label = What are you looking for?
search-button = Search
search-none = Nothing found with “{ $words }”. Try a shorter word.
search-told = Stock as the shop last reported it. We do not keep what you search for.
