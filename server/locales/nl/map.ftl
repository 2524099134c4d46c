# The store map: where people are believed to be, for who runs the shop.
map-title = Kaart
map-intro = Hoeveel mensen er zijn, en waar. Alleen wie daarvoor toestemming gaf telt mee, en niemand staat er met naam.
map-present = { $count ->
    [one] mens binnen
   *[other] mensen binnen
}
map-sure = van hen weten we waar
map-unknown = onbekend waar
map-floor = Plattegrond
map-walk = IJkwandeling
map-alt = Plattegrond met hoe druk elke zone is. De tabellen hieronder zeggen hetzelfde.
map-none = Nog geen zones
map-none-more = Zodra deze winkel zones heeft, zie je hier waar het druk is.

legend-light = van niemand tot de drukste zone
legend-gateway = gateway, en hoeveel telefoons hij de laatste minuut hoorde
legend-beacon = vast baken
legend-cut = doet niet mee: zie de tabel
legend-door = deur
legend-no-plan = nog geen plattegrond: de zones staan op een rij

zones-heading = Zones
zone-people = { $count ->
    [0] niemand
    [one] { $count } mens
   *[other] { $count } mensen
}
zone-maybe = misschien iemand
zone-sure = { $count } zeker
anchors-heading = Antennes en bakens
anchors-none = In deze winkel hangt nog niets dat telefoons hoort.
anchor-now = nu
anchor-seconds = { $count } s geleden
anchor-nobody = niemand
col-zone = Zone
col-people = Hoeveel
col-sure = Zeker
col-last-radio = Laatste telefoon
col-radios = Laatste minuut

visits-heading = Bezoeken van vandaag
visits-more = Zonder namen. Kies een bezoek om te zien waarom we dachten wat we dachten.
visits-none = Vandaag was er nog niemand die mee wil doen.
visits-here = nu binnen
visits-no-zone = geen zone zeker genoeg
col-came = Binnen
col-left = Weg
col-where = Waar
