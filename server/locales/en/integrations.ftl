# Where data comes from and goes to: for who runs the shop, when something does not arrive.
integrations-title = Integrations
integrations-intro = Who sends us data, whom we tell, and whether that works. They are of the whole chain.
integrations-not-admin = You may send a test order. Ticking off tasks and sending again is for an admin of the chain.
integrations-said-done = Ticked off.
integrations-said-again = The message goes again. See in a moment whether it arrived.

integrations-just-now = just now
integrations-minutes-ago = { $count ->
    [one] { $count } minute ago
   *[other] { $count } minutes ago
}
integrations-hours-ago = { $count ->
    [one] { $count } hour ago
   *[other] { $count } hours ago
}
integrations-days-ago = { $count ->
    [one] { $count } day ago
   *[other] { $count } days ago
}

integrations-tasks = To do for privacy
integrations-tasks-count = { $count ->
    [one] { $count } task
   *[other] { $count } tasks
}
integrations-task-data = A customer wants to know what is kept of her
integrations-task-data-how = Send her the copy through the shop, within a month.
integrations-task-nobody = Nothing is kept of her: say so, within a month.
integrations-task-shop = The shop has stopped and wants its data to go
integrations-task-shop-how = Erase its customers and take the source away.
integrations-task-number = request { $number }
integrations-done = Done
integrations-done-what = Done: { $what }

integrations-alarms = Notifications do not arrive
integrations-alarm = { $name } has refused us since { $when }
integrations-alarm-web = Look in welkom.toml at [push.web]: is subject right, and is the key in data_dir/push still the same?
integrations-alarm-fcm = Get a new file for [push.fcm] from Google and start the server again.
integrations-alarm-apns = See at Apple whether the key of [push.apns] still holds, and whether key_id, team_id and topic are right.
integrations-alarm-times = { $count ->
    [one] Refused once; gone as soon as one message gets through.
   *[other] Refused { $count } times; gone as soon as one message gets through.
}

integrations-first = Begin here
integrations-first-more = No web shop is connected yet. This is how one is added; docs/data-in.md tells all of it.
integrations-first-key = Make a key on the server for who runs the chain. It is shown once.
integrations-first-source = With it make the source, with the secret that the shop signs with and with your stores by name.
integrations-first-shop = Come back here: then it says which address and which topics to enter in the shop. After that, send a test order.
integrations-first-events = What shoppers do on the site comes apart, with a key that can do nothing else.
integrations-first-files = Products, stock and customers can come from files, too.
integrations-first-docs = Files tell by themselves what was wrong, line by line; they are not on this page.

integrations-events = Browsing (events)
integrations-last = Last message { $when }
integrations-never = Never heard anything
integrations-signature-right = Signature is right
integrations-signature-wrong = Signature was wrong: { $when }
integrations-count-applied = taken
integrations-count-outdated = older than what we knew
integrations-count-ignored = not for us
integrations-count-repeated = sent twice
integrations-count-unknown = of who is not with Welkom: nothing kept
integrations-count-no-consent = without consent: nothing kept
integrations-count-anonymous = of who was not logged in
integrations-count-signature = with a wrong signature
integrations-count-refused = could not be read
integrations-errors = { $count ->
    [one] Last error
   *[other] Last { $count } errors
}
integrations-todo-signature = The secret is not the shop’s. Copy it from the shop and set it with PUT /v1/sources.
integrations-todo-unknown = The shop names something that we do not know. Add it, and have the shop send the message again.
integrations-todo-topic = The message does not say what it is about. Does something other than the shop send to this address?
integrations-todo-unreadable = Something is missing in the message. Update the shop’s software; if it stays, send us this line.

integrations-setup = What to enter in the shop
integrations-address = Address for webhooks
integrations-address-more = Copy the whole address.
integrations-topics = Topics
integrations-stores = Our stores, as the web shop calls them
integrations-no-store = None yet: an order to be collected belongs nowhere then.
integrations-else = All else

integrations-test = Send a test order
integrations-test-more = An order as the web shop sends it, by the same way. Nothing is left of it: no order, customer, card or message.
integrations-test-location = Place of pickup, as the web shop calls it
integrations-test-sku = SKU
integrations-test-secret = The web shop’s secret
integrations-test-secret-more = May be left empty. Paste it here to see whether we have the same.
integrations-test-send = Send test order
integrations-test-nothing = All of it was taken back: nothing of it is left.
test-order-verdict-right = Right
test-order-verdict-look = Look
test-order-verdict-wrong = Wrong
test-order-signature-right = The signature is right
test-order-signature-wrong = The signature is wrong: this secret is not the source’s
test-order-signature-wrong-next = Set the secret that the web shop shows at the source: PUT /v1/sources/{ $value }, field secret.
test-order-read = The message can be read: { $value }
test-order-unreadable = The message cannot be read: { $value }
test-order-unreadable-next = Check place and SKU, and send us this line if it stays.
test-order-no-order = There is no order in this message
test-order-no-order-next = Send us this line.
test-order-store-named = Store found: { $value }
test-order-store-own = Store: { $value }, the only one of this source
test-order-store-unknown = We do not know the place “{ $value }”; we take the source’s own store
test-order-store-unknown-next = Is it another store? Put “{ $value }” into the source’s locations, with its store.
test-order-store-none = We do not know the place “{ $value }”, and the source has no store
test-order-store-none-next = Put “{ $value }” into the source’s locations, or give the source a store.
test-order-customer = Customer: made up for this test. A real order counts only of who is with Welkom.
test-order-product-known = Product known: { $value }
test-order-product-new = Product { $value } is not known yet
test-order-product-new-next = It would be added with the order’s name and price. Have the shop send products, too, or import them.
test-order-order-made = It would become: order { $value }
test-order-order-none = It would become no order
test-order-order-none-next = First mend what stands above, and try again.

integrations-receivers = Whom we tell
integrations-receivers-none = Nobody. A system of the shop is added with PUT /v1/webhooks-out.
integrations-receiver-gone = Gone since { $when }: add it again
integrations-receiver-new = Nothing sent yet
integrations-receiver-well = Takes them
integrations-receiver-refuses = Did not take the last one
integrations-receiver-last = Last answer, { $when }: { $answer }
integrations-receiver-numbers = { $waiting } { $waiting ->
    [one] waits
   *[other] wait
}, { $failed } given up
integrations-no-answer = no answer
integrations-event-message = A message went out
integrations-event-entered = Somebody came in
integrations-event-left = Somebody left
integrations-event-arrived = Somebody came for an order
integrations-event-waiting = Somebody says that they wait
integrations-event-escalated = Nobody goes to a customer who waits
integrations-event-unserved = Somebody left without being helped
integrations-event-completed = An order was handed over
integrations-event-returned = A return was accepted
integrations-again = Send again
integrations-again-what = Send again: { $what }, { $when }
