# What the shopper's app and page say beside the page's own words.
kept-name = Name, for your order
kept-name-until = until you erase it
kept-visits = Shop visits
kept-intents = Wishlist and browsing
kept-intents-count = { $count ->
    [one] { $count } product
   *[other] { $count } products
}
kept-messages = Messages and notices of today
kept-push = Devices that we can send a notification
kept-path = Exactly where you walked
kept-path-not = we do not keep
say-here-no-consent = No choice allows that yet. Turn on “Arrival for my order” below.
say-here-elsewhere = There is nothing ready for you here. Order { $number } is at { $store }.
say-here-nothing = There is nothing ready for you here yet. It shows here as soon as there is.
app-ready-title = { $kind ->
    [reservation] Your reservation is ready
    [try_on] Your things to try on are ready
   *[other] Your order is ready
}
app-ready-body = { $number } is ready at { $store }. Come when it suits you.
app-ready-why = The shop has set this aside for you.
app-arrival-title = { $what ->
    [somebody_else] Somebody is here for your order
    [help] Somebody is coming
   *[other] We see you
}
app-arrival-body = { $what ->
    [somebody_else] Whoever you sent the link to is in the shop for { $number }.
    [order] Somebody is coming to you with your order.
   *[other] Somebody is coming to you.
}
app-arrival-why = { $what ->
    [somebody_else] You sent somebody a link to collect this order.
    [help] You asked for help.
    [return] You are bringing something back and wanted the shop to know that you are here.
   *[other] You have an order ready and wanted the shop to know that you are here.
}
