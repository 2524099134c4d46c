# The arrivals board: read from three metres, tapped with gloves.
board-title = Aankomsten
board-now = Nu helpen
board-now-order = langst wachtend eerst
board-colleagues = Collega’s
board-coming = Onderweg
board-done = Net geweest
board-sound-on = Geluid aan
board-sound-off = Geluid uit
board-sign-out = Uitloggen
board-no-script = Zonder JavaScript ververst dit bord niet vanzelf.
board-refresh = Ververs nu
board-empty = Niemand wacht
board-empty-more = Het licht gaat aan zodra er iemand binnenkomt.

strip-waiting = { $late ->
    [0] wachten
   *[other] wachten, { $late } te lang
}
strip-median = de helft wacht korter
strip-within = binnen 2 minuten
strip-handed = vandaag overhandigd
strip-left = vertrokken zonder hulp

name-ms = Mevrouw { $name }
name-mr = De heer { $name }
bay = vak
state-here = Is er
state-late = Wacht te lang
state-called = Nog niemand gaat
state-mine = Jij gaat
state-colleague = { $name } gaat
state-not-found = Nog niet gevonden
state-coming = Onderweg
state-served = Overhandigd
state-served-in = in { $time }
state-left = Vertrokken zonder hulp
state-left-when = { $time }, na { $waited } wachten
of-limit = van 2:00
over-limit = { $time } te lang
wait-value = { $min } min { $sec } s
wait-label = Wachttijd tot 2 minuten
minutes-away = minuten
pickup = Ophalen
kind-reservation = Reservering
kind-return = Retour
kind-try-on = Passen
kind-help = Hulp gevraagd
orders = { $count ->
    [one] { $count } bestelling
   *[other] { $count } bestellingen
}
where-label = Kans dat de klant hier staat
where-or = of { $zone } { $percent }%
where-unknown = Plek onbekend
called-everybody = Iedereen: wie kan er nu heen?
called-manager = Manager geroepen
somebody-else = Iemand anders haalt op: vraag naar de code
somebody-else-had = opgehaald door iemand anders
check-two-stores = Ook in een andere winkel gehoord: kijk goed wie het is

act-take = Neem aan
act-take-over = Neem over van { $name }
act-not-here = Niet hier
act-undo = Ongedaan maken
act-hand-over = Overhandigd
act-helped = Geholpen
code-label = Code van de klant
code-wrong = { $tries ->
    [0] Deze code klopt niet.
    [one] Deze code klopt niet. Nog { $tries } keer.
   *[other] Deze code klopt niet. Nog { $tries } keer.
}
code-paused = Te vaak geprobeerd. Vanaf { $time } kan het weer.
code-empty = Vul de code van de klant in.
act-scan = Scan
scan-title = Code van
scan-close = Sluiten
scan-wait = De camera gaat aan.
scan-hold = Houd de QR-code op de telefoon van de klant in beeld.
scan-other = Dit is een andere QR-code. Vraag naar de code van de bestelling.
scan-denied = De browser houdt de camera tegen. Sta hem toe bij de instellingen van deze site, of typ de code.
scan-none = Dit toestel heeft geen camera. Typ de code.
scan-busy = Een ander programma gebruikt de camera. Sluit dat, of typ de code.
scan-failed = De camera doet het niet. Typ de code.

age-check = Leeftijd controleren: 18 jaar of ouder
age-seen = Ik zag een geldig ID: 18 jaar of ouder
age-unseen = De code klopt. Kijk nu naar het ID en vink aan dat de klant 18 jaar of ouder is.
window = tussen { $from } en { $until }
lines-ready = { $ready } van { $all } regels klaar
tap-earlier = { $name } was eerder.
tap-closed = Deze klant is al geholpen of weer weg.
tap-elsewhere = Dit bord loopt nu op de computer in de winkel. Tik op het bord daar.
tap-unknown = Deze kaart is er niet meer.

notice-reconnecting = De lijn viel net weg. We verbinden opnieuw; je kunt gewoon doorwerken.
notice-stale = Geen verbinding sinds { $time }.
notice-stale-more = Wat je hier ziet kan verouderd zijn.
notice-kept-one = Eén tik is bewaard en gaat mee zodra de lijn er weer is.
notice-kept-other = { $count } tikken zijn bewaard en gaan mee zodra de lijn er weer is.
notice-cut-off = Geen internet sinds { $time }. Het bord werkt gewoon door; wat er intussen besteld wordt zie je als de lijn er weer is.
notice-elsewhere = Dit bord loopt op de computer in de winkel. Hier kijk je mee; tik op het bord daar.
notice-signed-out = Je dienst is hier afgesloten. Log opnieuw in om verder te gaan.
as-of = van { $time }
say-undone = Ongedaan gemaakt
say-new = { $name } is er
say-called = { $name }: nog niemand gaat
say-manager = { $name }: manager geroepen
say-late = { $name } wacht te lang
say-kept = Bewaard, gaat mee zodra de lijn er weer is
push-button = Meld nieuwe klanten op deze telefoon
push-button-on = Deze telefoon meldt nieuwe klanten
push-at = { $what }: { $zone }
push-new = Er wacht iemand.
push-over = Hier hoeft niemand meer heen.
push-on = Deze telefoon meldt nieuwe klanten zolang je dienst open is.
push-off = Deze telefoon meldt niets meer.
push-denied = Je browser houdt meldingen tegen. Zet ze aan bij de instellingen van deze site.
push-failed = Dat ging niet. Probeer het nog eens.
say-failed = Dat ging niet. Laad het bord opnieuw en probeer het nog eens.

till-link = Kassa
till-title = Stempelkaart inwisselen
till-code = Code op de telefoon van de klant
till-code-more = Twee keer vier tekens. Hoofdletters en spaties maken niet uit.
till-redeem = Wissel in
till-give = Ingewisseld. Geef:
till-before = is al ingewisseld: { $when }, { $store }. Niet nog eens geven.
till-over = was goed tot en met { $day }.
till-unknown = Deze code kennen we niet. Kijk nog eens op het scherm van de klant.
