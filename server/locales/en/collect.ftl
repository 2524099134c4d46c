# Somebody else collects, and the door of a store: her link, his page, the short link, the poster.
share-button = Let somebody else collect
share-given = Somebody else may collect this with code { $code }.
share-arrived = At { $time } somebody came for your order. A colleague goes to them.
share-back = Take the link back
share-new = New link
share-title = Somebody else collects it
share-heading = Send this link
share-code = Whoever opens it sees a code of their own for the desk: { $code }.
share-label = The link
share-send = Share the link
share-copy = Copy the link
share-copied = Copied.
share-copy-failed = That did not work. Select the link and copy it yourself.
share-message = Would you collect this for me?
share-once = The link is shown only now. Lost it? Make a new one, and this one stops working.
share-what = That page shows your first name, the order’s number and the shop. Not what is in it. You can always take the link back; it ends by itself once the order has been collected.

collect-title = Collecting for somebody else
collect-hello = You are collecting for { $name }
collect-number = Order { $number }
collect-age = The shop will ask how old you are. Bring proof of identity.
collect-seen = Seen at { $time }. Somebody is coming to you.
collect-failed = That did not work just now. Go to the desk and say the code, and all will be well.
collect-not-ready = This is not ready yet. Look at this page again later.
collect-what = { $name } sent you this link. We keep nothing about you, not even when you press “I am here”.
collect-over = This link does not work any more
collect-over-what = Nothing to collect
collect-over-more = The order has been collected, or the link was taken back. Ask whoever sent it to you.

doorway-title = Are you at { $store }?
doorway-hello = Hello { $name }
doorway-more = Press the button: then we know that you are here, and somebody comes to you.
doorway-mine = To my page
doorway-nobody = We do not know this phone yet
doorway-nobody-more = Open your own page first: the link is in the message about your order. Then scan the code at the door again.
doorway-nobody-desk = No luck? Go to the desk and say your code, and all will be well too.

poster-title = Poster for the door
poster-intro = Put it up at the entrance: whoever comes to collect something says so by phone. Print on A4, upright.
poster-sheet = The poster
poster-heading = Here to collect something?
poster-qr = QR code of { $link }
poster-scan = Scan the code with your phone.
poster-press = Press “I am here”.
poster-come = Somebody comes to you.
poster-foot = Works without bluetooth too. Rather not? Go to the desk and say your code.
poster-link = Poster for the door
