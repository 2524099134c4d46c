# Words that several pages share. Plain British English, by meaning.
skip = Skip to content
today = Today
items = { $count ->
    [one] { $count } item
   *[other] { $count } items
}

day-today = Today
day-yesterday = Yesterday
day-tomorrow = Tomorrow
day-1 = Monday
day-2 = Tuesday
day-3 = Wednesday
day-4 = Thursday
day-5 = Friday
day-6 = Saturday
day-7 = Sunday
month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December

link-live = Live
link-reconnecting = Reconnecting
link-stale = Stale since { $time }

login-title = Sign in
login-morning = Good morning, come in
login-afternoon = Good afternoon, come in
login-evening = Good evening, come in
login-heading = Sign in at { $store }
login-name = Staff name
login-password = Password
login-paste = Pasting and password managers are welcome.
login-submit = Start my shift
login-lost = Lost your password? Ask your team lead for a new one.
login-wrong = { $tries ->
    [one] That is not quite right. Check your name and password; after { $tries } more try we wait a little.
   *[other] That is not quite right. Check your name and password; after { $tries } more tries we wait a little.
}
login-wait = Tried too often. You can try again in { $time }.

error-shut = This door is shut
error-help = For whoever wants to help
error-back = Back to the start
error-400-title = We could not read that
error-400-detail = Go back and try once more.
error-403-title = You cannot come in here
error-403-detail = Sign in with a name that may, or reload the page before this one.
error-404-title = This page is not here (any more)
error-404-detail = The visit may have been erased already, or the link has expired. Nothing is wrong with your shop: the board is working.
error-429-title = One moment
error-429-detail = Too much came at once. Try again in a minute.
error-500-title = We did not manage
error-500-detail = That is our fault, not yours. Try again in a moment.
error-503-title = We are nearly back
error-503-detail = The shop’s computer is starting or busy. Try again in a moment.
