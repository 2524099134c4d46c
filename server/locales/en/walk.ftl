# The calibration walk: a colleague walks the shop with a phone, once.
walk-title = Calibration walk
walk-intro = Walk through the shop with a phone, once. After that Welkom knows what each zone sounds like, and says more often where somebody is.
walk-begin-heading = Begin
walk-step-1 = Take a phone or card that is enrolled with Welkom, with consent switched on.
walk-step-2 = Stand still in each zone for at least twenty seconds, and tap that zone here.
walk-step-3 = At the end you see what it is worth, before anything changes.
walk-who = Customer number of the test customer
walk-who-more = We follow the phone or card of this customer until the walk is done.
walk-begin = Begin the walk
walk-used-heading = In use
walk-used = { $count ->
    [one] This shop uses a walk through { $count } zone.
   *[other] This shop uses a walk through { $count } zones.
}
walk-used-none = This shop has not been walked yet.
walk-drop = Stop using it

walk-where = Where do you stand?
walk-where-more = Tap the zone in which you stand. Tap I walk when you go on.
walk-not-yet = not been there yet
walk-stood = { $time } min, heard { $count } times
walk-current = you are here
walk-pause = I walk
walk-undo = Undo last tap
walk-stop = Done
walk-discard = Throw away
walk-unheard = We do not hear this phone. Is bluetooth on, and is this the right customer?

walk-done-title = Walk done
walk-done-intro = Nothing has changed in the shop yet. See first what this walk is worth.
walk-worth = What it is worth
walk-right = of what we left out is told right by the rest
walk-verdict-good = Good to use. All zones sound different enough.
walk-verdict-fair = Good to use, and this can be better still:
walk-verdict-poor = Better walk again: like this the wrong zone would be told too often.
walk-verdict-none = Too short to say anything. Stand in at least two zones, longer than ten seconds.
walk-alike = { $a } and { $b } cannot be told apart
walk-alike-move = Merge them, or hang { $anchor } in the middle of one of them: it hears both equally well.
walk-alike-more = Merge them, or hang an antenna or beacon in one of them.
walk-close = { $a } and { $b } sound alike
walk-close-move = At times we will say nothing. Hang { $anchor } farther from their border if that disturbs.
walk-close-more = At times we will say nothing. A beacon in one of them helps.
walk-missed = Not visited: { $zones }
walk-missed-more = Of these zones we know no more than before.
walk-short = Stood too shortly: { $zones }
walk-short-more = Twenty seconds is the least; in two spots is better.
walk-use = Use this

walk-said-unknown = There is no customer with this number.
walk-said-no-consent = This customer has not agreed. Turn on a switch in the app first.
walk-said-changed = A colleague was quicker: this is how it stands now.
