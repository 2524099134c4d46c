# One visit in plain words: what happened, and why we think so.
visit-title = Bezoek van { $time }
visit-intro = { $day }. Wat er gebeurde, en waarom we dat denken. Wie het was, staat hier niet.
visit-still = nog binnen, al { $count } min
visit-lasted = { $count } min binnen
visit-late = achteraf bekend
visit-timeline = Wat er gebeurde
visit-back = Terug naar de kaart
visit-none = Van dit bezoek is niet opgeschreven waarom we dachten wat we dachten.

tale-entered = Binnen
tale-zone = { $zone }
tale-zone-sure = { $zone }, { $percent } zeker
tale-lost = Onbekend waar
tale-left = Weg
tale-revised = Tijden bijgesteld
tale-revised-more = Er kwamen nog waarnemingen binnen: het begin of het einde is verschoven.
tale-strongest = Sterkst gehoord door { $anchor }: { $dbm } dBm, { $ago }.
tale-also = Daarna { $heard }.
tale-heard = { $anchor } { $dbm } dBm, { $ago }
tale-next = Daarna het waarschijnlijkst: { $zones }.
tale-unsure = Geen zone was zeker genoeg: { $zones }.
tale-decided = Besloten om { $time }.
tale-now = zojuist
tale-seconds = { $count } s eerder
tale-minutes = { $count } min eerder

because-radio = Afgaand op het signaal van telefoon of pas.
because-said-so = Zelf gezegd: “Ik ben er”, of de code bij de deur.
because-silence = Niets meer gehoord, langer dan deze telefoon of pas gewoonlijk zwijgt.
because-heard-outside = Nog wel gehoord, maar zo zwak dat het van buiten moet komen.
because-order-done = De bestelling is klaar, en voor meer is geen toestemming.
because-consent-withdrawn = De toestemming is ingetrokken.
because-shed = Het was te druk om iedereen te volgen.
because-late = Uit waarnemingen die te laat kwamen om er nog iets mee te doen.
