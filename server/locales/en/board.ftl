# The arrivals board: read from three metres, tapped with gloves.
board-title = Arrivals
board-now = Help now
board-now-order = longest wait first
board-colleagues = Colleagues
board-coming = On the way
board-done = Just now
board-sound-on = Sound on
board-sound-off = Sound off
board-sign-out = Sign out
board-no-script = Without JavaScript this board does not refresh by itself.
board-refresh = Refresh now
board-empty = Nobody is waiting
board-empty-more = The light comes on as soon as somebody walks in.

strip-waiting = { $late ->
    [0] waiting
   *[other] waiting, { $late } too long
}
strip-median = half wait less
strip-within = within 2 minutes
strip-handed = handed over today
strip-left = left without help

name-ms = Ms { $name }
name-mr = Mr { $name }
bay = bay
state-here = Is here
state-late = Waiting too long
state-called = Nobody is going yet
state-mine = You are going
state-colleague = { $name } is going
state-not-found = Not found yet
state-coming = On the way
state-served = Handed over
state-served-in = in { $time }
state-left = Left without help
state-left-when = { $time }, after waiting { $waited }
of-limit = of 2:00
over-limit = { $time } over
wait-value = { $min } min { $sec } s
wait-label = Waiting time up to 2 minutes
minutes-away = minutes
pickup = Pickup
kind-reservation = Reservation
kind-return = Return
kind-try-on = Try on
kind-help = Help asked
orders = { $count ->
    [one] { $count } order
   *[other] { $count } orders
}
where-label = Chance that the customer stands here
where-or = or { $zone } { $percent }%
where-unknown = Place unknown
called-everybody = Everybody: who can go now?
called-manager = Manager called
somebody-else = Somebody else collects: ask for the code
somebody-else-had = collected by somebody else
check-two-stores = Heard in another store too: look twice who it is

act-take = Take
act-take-over = Take over from { $name }
act-not-here = Not here
act-undo = Undo
act-hand-over = Handed over
act-helped = Helped
code-label = Customer’s code
code-wrong = { $tries ->
    [0] That code is not right.
    [one] That code is not right. { $tries } more try.
   *[other] That code is not right. { $tries } more tries.
}
code-paused = Tried too often. You can try again from { $time }.
code-empty = Enter the customer’s code.
act-scan = Scan
scan-title = Code of
scan-close = Close
scan-wait = The camera is starting.
scan-hold = Hold the QR code on the customer’s phone in view.
scan-other = This is another QR code. Ask for the code of the order.
scan-denied = The browser blocks the camera. Allow it in this site’s settings, or type the code.
scan-none = This device has no camera. Type the code.
scan-busy = Another program is using the camera. Close it, or type the code.
scan-failed = The camera does not work. Type the code.

age-check = Check the age: 18 or over
age-seen = I saw a valid ID: 18 or over
age-unseen = The code is right. Now look at the ID and tick that the customer is 18 or over.
window = between { $from } and { $until }
lines-ready = { $ready } of { $all } lines ready
tap-earlier = { $name } was earlier.
tap-closed = This customer has been helped already, or has left.
tap-elsewhere = This board now runs on the computer in the shop. Tap on the board there.
tap-unknown = This card is no longer here.

notice-reconnecting = The line just dropped. We are reconnecting; carry on working.
notice-stale = No connection since { $time }.
notice-stale-more = What you see may be out of date.
notice-kept-one = One tap is kept and will be sent once the line is back.
notice-kept-other = { $count } taps are kept and will be sent once the line is back.
notice-cut-off = No internet since { $time }. The board goes on as usual; what is ordered meanwhile shows once the line is back.
notice-elsewhere = This board runs on the computer in the shop. Here you look on; tap on the board there.
notice-signed-out = Your shift has ended here. Sign in again to go on.
as-of = as of { $time }
say-undone = Undone
say-new = { $name } is here
say-called = { $name }: nobody is going yet
say-manager = { $name }: manager called
say-late = { $name } is waiting too long
say-kept = Kept, will be sent once the line is back
push-button = Tell me of new customers on this phone
push-button-on = This phone tells of new customers
push-at = { $what }: { $zone }
push-new = Somebody is waiting.
push-over = Nobody has to go there any more.
push-on = This phone tells of new customers while your shift is open.
push-off = This phone tells nothing any more.
push-denied = Your browser holds notifications back. Turn them on in the settings of this site.
push-failed = That did not work. Try it once more.
say-failed = That did not work. Reload the board and try again.

till-link = Till
till-title = Redeem a stamp card
till-code = Code on the customer’s phone
till-code-more = Two times four characters. Capitals and spaces make no difference.
till-redeem = Redeem
till-give = Redeemed. Give:
till-before = was redeemed before: { $when }, { $store }. Do not give it again.
till-over = was good until { $day }.
till-unknown = We do not know this code. Look at the customer’s screen again.
