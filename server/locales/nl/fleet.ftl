# Gateways and fixed beacons: for who runs the shop, once a week.
fleet-title = Apparaten
fleet-manage = Beheer
fleet-arrivals = Aankomsten
fleet-nav = Hoofdmenu
fleet-intro = { $gateways ->
    [one] { $gateways } gateway hoort wie er is
   *[other] { $gateways } gateways horen wie er is
}, { $beacons ->
    [0] vaste bakens zijn er nog niet.
    [one] { $beacons } baken staat vast en houdt ze scherp.
   *[other] { $beacons } bakens staan vast en houden ze scherp.
}
fleet-no-script = Zonder JavaScript ververst deze pagina niet vanzelf.
fleet-refresh = Ververs nu
fleet-strip-gateways = { $all ->
    [one] van { $all } gateway hoort
   *[other] van { $all } gateways horen
}
fleet-strip-beacons = { $all ->
    [one] van { $all } baken goed
   *[other] van { $all } bakens goed
}

todo-heading = Deze week te doen
todo-count = { $count ->
    [one] { $count } ding
   *[other] { $count } dingen
}
todo-none = Alles doet het
todo-none-more = Er is deze week niets te doen.
todo-none-yet = Nog geen apparaten
todo-none-yet-more = Zodra er een gateway of een baken bij deze winkel hoort, zie je hier hoe het ermee gaat.

todo-desk = De computer in de winkel zwijgt sinds { $since }
todo-desk-more = Werkt het bord daar nog, dan gaat de winkel gewoon door en komt alles later hier binnen: kijk naar het internet. Werkt het bord ook niet: zet de computer uit en weer aan.
todo-desk-new = De computer in de winkel heeft zich nog niet gemeld
todo-desk-new-more = Zet hem aan. Tot dan loopt het bord hier.
todo-silent = Gateway { $name } zwijgt sinds { $since }
todo-silent-more = Zit de stekker erin, brandt het groene lampje, doet het netwerk het?
todo-silent-all = Zolang merkt niemand wie er binnenkomt; “Ik ben er” werkt gewoon.
todo-silent-one = Wie daar loopt, zien we zolang niet; de rest werkt.
todo-deaf = Gateway { $name } hoort niets sinds { $since }
todo-deaf-more = Zet hem uit en weer aan. Helpt dat niet, dan is zijn antenne stuk: vervang hem.
todo-new-gateway = Gateway { $name } heeft zich nog niet gemeld
todo-new-gateway-more = Steek hem in het stopcontact en zet hem op het netwerk.
todo-lost = Baken { $name } zwijgt sinds { $since }
todo-lost-more = Hangt het er nog? Druk erop of vervang de batterij, knoopcel CR2477.
todo-lost-empty = Waarschijnlijk is de batterij leeg: vervang hem, knoopcel CR2477.
todo-battery = Batterij van { $name } vervangen
todo-battery-more = Nog { $percent }%. Knoopcel CR2477.
todo-battery-by = Leeg rond { $empty }, op zijn vroegst { $soonest }: nog { $percent }%. Knoopcel CR2477.
todo-battery-on = Leeg rond { $empty }: nog { $percent }%. Knoopcel CR2477.
todo-moved = Hangt { $name } nog op zijn plek?
todo-moved-more = Sinds { $since } { $by }. Hang hem terug, of laat hem hangen: na anderhalve week is dit zijn plek.
todo-moved-two = { $one } en { $two }
todo-moved-stronger = hoort { $gateway } hem { $db } dB sterker
todo-moved-weaker = hoort { $gateway } hem { $db } dB zwakker
todo-antenna = Antenne van { $name } nakijken
todo-antenna-weaker = Sinds { $since } hoort hij { $changed } van { $beacons } bakens { $db } dB zwakker; de bakens zelf hangen goed. Is hij gedraaid, verhangen of afgedekt? Zit de antenne vast?
todo-antenna-stronger = Sinds { $since } hoort hij { $changed } van { $beacons } bakens { $db } dB sterker; de bakens zelf hangen goed. Is hij gedraaid of verhangen?
todo-never = Baken { $name } is nog nooit gehoord
todo-never-more = Hangt het er al, en is het lipje van de batterij eruit?

desk-heading = Computer in de winkel
desk-what = bord en gateways
desk-there = doet het
desk-silent = stil
desk-new = nog niet gemeld
desk-todo-silent = internet en stekker nakijken
desk-todo-new = aanzetten
gateways-heading = Gateways
gateways-none = Bij deze winkel hoort nog geen gateway.
beacons-heading = Vaste bakens
beacons-none = Bij deze winkel hoort nog geen vast baken.

col-name = Naam
col-place = Plek
col-state = Toestand
col-since = Sinds
col-waiting = Nog te sturen
col-todo = Wat te doen
col-battery = Batterij
col-heard = Laatst gehoord
col-heard-by = Gehoord door

gateway-hears = hoort alles
gateway-catching-up = haalt in
gateway-deaf = hoort niets
gateway-silent = stil
gateway-antenna = hoort anders
gateway-todo-antenna = antenne nakijken
gateway-new = nog niet gemeld
gateway-todo-nothing = niets
gateway-todo-plain = laten verzegelen: nu is te lezen wie waar was
gateway-todo-wait = niets: wat bewaard was, komt nu
gateway-todo-silent = stekker en netwerk nakijken
gateway-todo-desk = eerst de computer in de winkel
gateway-todo-deaf = uit- en weer aanzetten
gateway-todo-new = aansluiten

beacon-good = goed
beacon-battery = bijna leeg
beacon-moved = verplaatst?
beacon-lost = niet gehoord
beacon-deaf = niet te horen
beacon-never = nog nooit gehoord

place-none = nog geen plek
battery-label = Batterij van { $name }
battery-empty = leeg rond { $date }
battery-unknown = onbekend
heard-never = nog nooit
heard-now = zojuist
heard-ago = { $count } min geleden
heard-by-nobody = niemand
heard-by-silent = { $count ->
    [one] niemand, want gateway { $names } hoort niets
   *[other] niemand, want gateways { $names } horen niets
}

for-min = { $count } min
for-hours = { $count } uur
for-days = { $count ->
    [one] { $count } dag
   *[other] { $count } dagen
}
