# Her data: what is kept, why, how long. Her own words; nothing is made smaller or larger than it is.
kept-title = Your data
kept-intro = All that we keep of you, with the reason. Unfold what you want to see.
kept-back = Back to my page
kept-link-here = See all of it, or erase it
kept-nothing = Nothing.
kept-more = { $count ->
    [one] And { $count } more: it is in your copy.
   *[other] And { $count } more: they are in your copy.
}
kept-because-customer = Because you wanted to take part
kept-because-order = For your order
kept-because-browsing = Because we may use what you do online
kept-because-visit = Because you were in the shop
kept-because-others = Because the shop asked for it

kept-who = Who you are
kept-who-until = Until you erase all.
kept-number = Customer number { $number }
kept-language = Language: { $language }
kept-since = With Welkom
kept-consent = What you agreed to, and what not
kept-consent-until = Until you erase all: so that we can show what you chose.
kept-yes = Yes: { $what }
kept-no = No: { $what }
kept-in-app = In the app
kept-on-page = On your page
kept-by-import = Taken over from the shop
kept-words = Text of { $version }.
kept-phones = Your devices
kept-phones-until = A device until you erase all, an open page for a month, a link or a code for a day.
kept-android = Android phone
kept-ios = iPhone
kept-fob = Key fob
kept-radios = { $count ->
    [one] Advertises with { $count } key; it is not in the copy.
   *[other] Advertises with { $count } keys; they are not in the copy.
}
kept-wake-browser = Address for notifications in your browser
kept-wake-app = Address for notifications on your phone
kept-session = Your page, open in a browser
kept-link = Link to your page
kept-code = Code for a phone
kept-code-used = Code for a phone, used
kept-until = until { $when }
kept-settings = What you set
kept-settings-until = Until you change it.
kept-mute-pause = Pause
kept-mute-store = No messages from { $store }
kept-mute-topic = No messages about { $topic }
kept-channels = Notifications first by: { $channels }
kept-channel-in-app = the app itself
kept-channel-browser = your browser
kept-channel-app = your phone

kept-orders = Orders and collecting
kept-orders-until = Until 30 days after it is closed.
kept-order-at = { $store }, code { $code }
kept-card = You came to collect your order, { $store }

kept-online = What you did online
kept-online-until = As long as you agree, and 90 days at most.
kept-did-viewed = looked at
kept-did-wishlisted = put on your wishlist
kept-did-unwishlisted = taken off your wishlist
kept-did-carted = put in your basket
kept-did-uncarted = taken out of your basket
kept-did-ordered = bought
kept-did-read = read about
kept-did-category = a department that you looked at
kept-price-then = then { $price }
kept-forget-online = Forget what I did online
kept-forgot-online = Forgotten. What you do online from now on is kept as long as you agree.
kept-bought = What you bought
kept-bought-until = As long as the use of your browsing or counting in figures is on, and two years at most.
kept-bought-online = Online
kept-cancelled = cancelled
kept-refunded = refunded
kept-receipt = Receipt { $number }

kept-visited = When, where, how long
kept-visited-until = Until you switch off the choice that it is for, and a year at most.
kept-minutes = { $count ->
    [one] { $count } minute
   *[other] { $count } minutes
}
kept-still = you are still there
kept-visit-for = For: { $what }
kept-walk = Calibration walk with your phone, { $store }
kept-told = Messages, and why
kept-told-until = A year. Switch off the use of your browsing, and words and reason go at once.
kept-service = That somebody comes with your order
kept-without-words = A message whose words are gone
kept-shown = On your screen: { $when }
kept-sent = Sent
kept-waits = Still waiting
kept-not-sent = Not sent
kept-silent = Times that we said nothing
kept-silent-until = A year.
kept-times = { $count ->
    [one] { $count } time
   *[other] { $count } times
}
kept-last = last { $when }

kept-others = Passed on to systems of the shop
kept-others-until = Of each system the last thousand, of all customers together.
kept-event-message = That you got a message
kept-event-entered = That you came in
kept-event-left = That you left
kept-event-arrived = That you were there for your order
kept-event-waiting = That you said you were there for your order
kept-event-escalated = That nobody was coming to you yet
kept-event-unserved = That you left without your order
kept-event-completed = That you got your order
kept-event-returned = That you brought something back
kept-event-to = To { $receiver }
kept-tasks = Questions about your data
kept-tasks-until = Until you erase all.
kept-task-data = Asked: what is kept of me?
kept-task-done = Done: { $when }
kept-task-open = Not done yet

kept-take = Take it along, or erase it
kept-take-more = The copy is one file with everything, which another program can read too. Keys of your devices and addresses for notifications are not in it: whoever has those can pretend to be you, or reach you.
kept-copy = Save a copy
kept-erase = Erase all

erase-title = Erase all?
erase-what = Then this is gone
erase-all = All that stands on “Your data”.
erase-phones = Your devices: they belong to nobody then, and this page closes.
erase-shop = What the shop itself knows of you, such as your account, stays with the shop.
erase-order = You still have an order. You can collect it as usual, but without Welkom nobody sees that you are there, and the code here is gone.
erase-no-return = It cannot be undone.
erase-yes = Yes, erase all
erase-no = No, leave it

gone-title = Goodbye
gone-done = All is erased
gone-more = We no longer know who you are. If you ever come back, we begin anew.
gone-close = You can close this page. If you have the app, remove that too.

kept-stamps = Your stamp card
kept-stamps-until = A stamp for 13 months, a reward for a year after it ran out. If you stop, all of it goes at once.
kept-joined = You joined
kept-stamp-visit = A visit
kept-stamp-check-in = You said: I’m here
kept-stamp-online = An order in the web shop
kept-stamp-store = A purchase in the shop
kept-earned = Earned: { $what }
kept-given = Redeemed: { $when }
