# One visit in plain words: what happened, and why we think so.
visit-title = Visit of { $time }
visit-intro = { $day }. What happened, and why we think so. Who it was is not told here.
visit-still = still in, for { $count } min
visit-lasted = { $count } min in the shop
visit-late = known afterwards
visit-timeline = What happened
visit-back = Back to the map
visit-none = For this visit it was not written down why we thought what we thought.

tale-entered = Came in
tale-zone = { $zone }
tale-zone-sure = { $zone }, { $percent } sure
tale-lost = Not known where
tale-left = Gone
tale-revised = Times corrected
tale-revised-more = More sightings came in: the beginning or the end has moved.
tale-strongest = Heard most strongly by { $anchor }: { $dbm } dBm, { $ago }.
tale-also = Then { $heard }.
tale-heard = { $anchor } { $dbm } dBm, { $ago }
tale-next = Next best: { $zones }.
tale-unsure = No zone was likely enough: { $zones }.
tale-decided = Decided at { $time }.
tale-now = just then
tale-seconds = { $count } s before
tale-minutes = { $count } min before

because-radio = Going by the signal of phone or card.
because-said-so = Said in person: “I am here”, or the code at the door.
because-silence = Nothing more was heard, for longer than this phone or card is usually silent.
because-heard-outside = Still heard, but so weakly that it must come from outside.
because-order-done = The order is done, and nothing more was agreed to.
because-consent-withdrawn = The consent was taken back.
because-shed = It was too busy to follow everybody.
because-late = From sightings that came too late to act on.
