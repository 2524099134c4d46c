# Gateways and fixed beacons: for who runs the shop, once a week.
fleet-title = Devices
fleet-manage = Management
fleet-arrivals = Arrivals
fleet-nav = Main menu
fleet-intro = { $gateways ->
    [one] { $gateways } gateway hears who is here
   *[other] { $gateways } gateways hear who is here
}, { $beacons ->
    [0] there are no fixed beacons yet.
    [one] { $beacons } fixed beacon keeps them sharp.
   *[other] { $beacons } fixed beacons keep them sharp.
}
fleet-no-script = Without JavaScript this page does not refresh by itself.
fleet-refresh = Refresh now
fleet-strip-gateways = { $all ->
    [one] of { $all } gateway hears
   *[other] of { $all } gateways hear
}
fleet-strip-beacons = { $all ->
    [one] of { $all } beacon fine
   *[other] of { $all } beacons fine
}

todo-heading = To do this week
todo-count = { $count ->
    [one] { $count } thing
   *[other] { $count } things
}
todo-none = Everything is working
todo-none-more = There is nothing to do this week.
todo-none-yet = No devices yet
todo-none-yet-more = As soon as a gateway or a beacon belongs to this shop, you see here how it is doing.

todo-desk = The computer in the store has been silent since { $since }
todo-desk-more = If the board there still works, the store goes on and everything comes in here later: look at the internet line. If the board does not work either: switch the computer off and on again.
todo-desk-new = The computer in the store has not been heard yet
todo-desk-new-more = Switch it on. Until then the board runs here.
todo-silent = Gateway { $name } has been silent since { $since }
todo-silent-more = Is it plugged in, is the green light on, does the network work?
todo-silent-all = Until then nobody notices who comes in; “I’m here” still works.
todo-silent-one = Until then we do not see who walks there; the rest works.
todo-deaf = Gateway { $name } has heard nothing since { $since }
todo-deaf-more = Switch it off and on again. If that does not help, its antenna is broken: replace it.
todo-new-gateway = Gateway { $name } has not reported yet
todo-new-gateway-more = Plug it in and connect it to the network.
todo-lost = Beacon { $name } has been silent since { $since }
todo-lost-more = Is it still there? Press it or replace its battery, coin cell CR2477.
todo-lost-empty = Its battery is probably empty: replace it, coin cell CR2477.
todo-battery = Replace the battery of { $name }
todo-battery-more = { $percent }% left. Coin cell CR2477.
todo-battery-by = Empty around { $empty }, at the earliest { $soonest }: { $percent }% left. Coin cell CR2477.
todo-battery-on = Empty around { $empty }: { $percent }% left. Coin cell CR2477.
todo-moved = Is { $name } still in its place?
todo-moved-more = Since { $since } { $by }. Put it back, or leave it: after a week and a half this is its place.
todo-moved-two = { $one } and { $two }
todo-moved-stronger = { $gateway } has heard it { $db } dB stronger
todo-moved-weaker = { $gateway } has heard it { $db } dB weaker
todo-antenna = Check the antenna of { $name }
todo-antenna-weaker = Since { $since } it has heard { $changed } of { $beacons } beacons { $db } dB weaker; the beacons themselves are in place. Was it turned, moved or covered? Is the antenna tight?
todo-antenna-stronger = Since { $since } it has heard { $changed } of { $beacons } beacons { $db } dB stronger; the beacons themselves are in place. Was it turned or moved?
todo-never = Beacon { $name } has never been heard
todo-never-more = Is it up yet, and has the battery tab been pulled?

desk-heading = Computer in the store
desk-what = board and gateways
desk-there = works
desk-silent = silent
desk-new = not heard yet
desk-todo-silent = check internet and plug
desk-todo-new = switch it on
gateways-heading = Gateways
gateways-none = No gateway belongs to this shop yet.
beacons-heading = Fixed beacons
beacons-none = No fixed beacon belongs to this shop yet.

col-name = Name
col-place = Place
col-state = State
col-since = Since
col-waiting = Still to send
col-todo = What to do
col-battery = Battery
col-heard = Last heard
col-heard-by = Heard by

gateway-hears = hears everything
gateway-catching-up = catching up
gateway-deaf = hears nothing
gateway-silent = silent
gateway-antenna = hears differently
gateway-todo-antenna = check the antenna
gateway-new = not reported yet
gateway-todo-nothing = nothing
gateway-todo-plain = have it seal: who was where can be read now
gateway-todo-wait = nothing: what it kept is coming now
gateway-todo-silent = check plug and network
gateway-todo-desk = the computer in the store first
gateway-todo-deaf = switch off and on again
gateway-todo-new = plug it in

beacon-good = fine
beacon-battery = nearly empty
beacon-moved = moved?
beacon-lost = not heard
beacon-deaf = cannot be heard
beacon-never = never heard

place-none = no place yet
battery-label = Battery of { $name }
battery-empty = empty around { $date }
battery-unknown = unknown
heard-never = never
heard-now = just now
heard-ago = { $count } min ago
heard-by-nobody = nobody
heard-by-silent = { $count ->
    [one] nobody, because gateway { $names } hears nothing
   *[other] nobody, because gateways { $names } hear nothing
}

for-min = { $count } min
for-hours = { $count ->
    [one] { $count } hour
   *[other] { $count } hours
}
for-days = { $count ->
    [one] { $count } day
   *[other] { $count } days
}
