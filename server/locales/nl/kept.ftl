# Her data: what is kept, why, how long. Her own words; nothing is made smaller or larger than it is.
kept-title = Jouw gegevens
kept-intro = Alles wat we van je bewaren, met de reden. Vouw open wat je wilt zien.
kept-back = Terug naar mijn pagina
kept-link-here = Bekijk alles, of wis het
kept-nothing = Niets.
kept-more = { $count ->
    [one] En nog { $count }: die staat in je kopie.
   *[other] En nog { $count }: die staan in je kopie.
}
kept-because-customer = Omdat je mee wilde doen
kept-because-order = Voor je bestelling
kept-because-browsing = Omdat we mogen gebruiken wat je online doet
kept-because-visit = Omdat je in de winkel was
kept-because-others = Omdat de winkel het vroeg

kept-who = Wie je bent
kept-who-until = Tot je alles wist.
kept-number = Klantnummer { $number }
kept-language = Taal: { $language }
kept-since = Bij Welkom
kept-consent = Wat je goedvond, en wat niet
kept-consent-until = Tot je alles wist: zo kunnen wij laten zien wat je koos.
kept-yes = Ja: { $what }
kept-no = Nee: { $what }
kept-in-app = In de app
kept-on-page = Op je pagina
kept-by-import = Overgenomen van de winkel
kept-words = Tekst van { $version }.
kept-phones = Je toestellen
kept-phones-until = Een toestel tot je alles wist, een open pagina een maand, een link of code een dag.
kept-android = Android-telefoon
kept-ios = iPhone
kept-fob = Sleutelhanger
kept-radios = { $count ->
    [one] Zendt uit onder { $count } sleutel; die staat niet in de kopie.
   *[other] Zendt uit onder { $count } sleutels; die staan niet in de kopie.
}
kept-wake-browser = Adres voor meldingen in je browser
kept-wake-app = Adres voor meldingen op je telefoon
kept-session = Je pagina, open in een browser
kept-link = Link naar je pagina
kept-code = Code voor een telefoon
kept-code-used = Code voor een telefoon, gebruikt
kept-until = tot { $when }
kept-settings = Wat je instelde
kept-settings-until = Tot je het verandert.
kept-mute-pause = Pauze
kept-mute-store = Geen berichten van { $store }
kept-mute-topic = Geen berichten over { $topic }
kept-channels = Meldingen eerst via: { $channels }
kept-channel-in-app = de app zelf
kept-channel-browser = je browser
kept-channel-app = je telefoon

kept-orders = Bestellingen en ophalen
kept-orders-until = Tot 30 dagen nadat het is afgerond.
kept-order-at = { $store }, code { $code }
kept-card = Je kwam je bestelling halen, { $store }

kept-online = Wat je online deed
kept-online-until = Zolang je dit goedvindt, en hooguit 90 dagen.
kept-did-viewed = bekeken
kept-did-wishlisted = op je verlanglijst gezet
kept-did-unwishlisted = van je verlanglijst gehaald
kept-did-carted = in je winkelmand gelegd
kept-did-uncarted = uit je winkelmand gehaald
kept-did-ordered = gekocht
kept-did-read = over gelezen
kept-did-category = een afdeling die je bekeek
kept-price-then = toen { $price }
kept-forget-online = Vergeet wat ik online deed
kept-forgot-online = Vergeten. Wat je hierna online doet, bewaren we zolang je dat goedvindt.
kept-bought = Wat je kocht
kept-bought-until = Zolang je kijkgedrag of meetellen aan hebt staan, en hooguit twee jaar.
kept-bought-online = Online
kept-cancelled = geannuleerd
kept-refunded = terugbetaald
kept-receipt = Bon { $number }

kept-visited = Wanneer, waar, hoe lang
kept-visited-until = Tot je de keuze uitzet waarvoor het is, en hooguit een jaar.
kept-minutes = { $count ->
    [one] { $count } minuut
   *[other] { $count } minuten
}
kept-still = je bent er nog
kept-visit-for = Voor: { $what }
kept-walk = Meetronde met jouw telefoon, { $store }
kept-told = Berichten, en waarom
kept-told-until = Een jaar. Zet je kijkgedrag uit, dan gaan tekst en reden meteen weg.
kept-service = Dat er iemand met je bestelling komt
kept-without-words = Een bericht waarvan de tekst er niet meer is
kept-shown = Op je scherm: { $when }
kept-sent = Verstuurd
kept-waits = Wacht nog
kept-not-sent = Niet verstuurd
kept-silent = Keren dat we niets zeiden
kept-silent-until = Een jaar.
kept-times = { $count ->
    [one] { $count } keer
   *[other] { $count } keer
}
kept-last = laatst { $when }

kept-others = Doorgegeven aan systemen van de winkel
kept-others-until = Van elk systeem de laatste duizend, van alle klanten samen.
kept-event-message = Dat je een bericht kreeg
kept-event-entered = Dat je binnenkwam
kept-event-left = Dat je wegging
kept-event-arrived = Dat je er was voor je bestelling
kept-event-waiting = Dat je zei dat je er was voor je bestelling
kept-event-escalated = Dat er nog niemand naar je toe ging
kept-event-unserved = Dat je wegging zonder je bestelling
kept-event-completed = Dat je je bestelling kreeg
kept-event-returned = Dat je iets terugbracht
kept-event-to = Aan { $receiver }
kept-tasks = Vragen over jouw gegevens
kept-tasks-until = Tot je alles wist.
kept-task-data = Gevraagd: wat wordt er van mij bewaard?
kept-task-done = Gedaan: { $when }
kept-task-open = Nog niet gedaan

kept-take = Neem het mee, of wis het
kept-take-more = De kopie is één bestand met alles, dat ook een ander programma kan lezen. Sleutels van je toestellen en adressen voor meldingen staan er niet in: wie die heeft, kan zich als jou voordoen of je bereiken.
kept-copy = Bewaar een kopie
kept-erase = Wis alles

erase-title = Alles wissen?
erase-what = Dan is dit weg
erase-all = Alles wat op “Jouw gegevens” staat.
erase-phones = Je toestellen: ze horen nergens meer bij, en deze pagina gaat dicht.
erase-shop = Wat de winkel zelf van je weet, zoals je account, blijft bij de winkel.
erase-order = Je hebt nog een bestelling. Je kunt die gewoon halen, maar zonder Welkom ziet niemand dat je er bent, en de code hier is weg.
erase-no-return = Het kan niet terug.
erase-yes = Ja, wis alles
erase-no = Nee, laat het staan

gone-title = Tot ziens
gone-done = Alles is gewist
gone-more = We weten niet meer wie je bent. Kom je ooit terug, dan beginnen we opnieuw.
gone-close = Deze pagina mag dicht. Heb je de app, haal die dan ook weg.

kept-stamps = Je stempelkaart
kept-stamps-until = Een stempel 13 maanden, een beloning een jaar nadat die afliep. Stop je, dan gaat alles meteen weg.
kept-joined = Je doet mee
kept-stamp-visit = Een bezoek
kept-stamp-check-in = Je zei: ik ben er
kept-stamp-online = Een bestelling in de webwinkel
kept-stamp-store = Een aankoop in de winkel
kept-earned = Verdiend: { $what }
kept-given = Ingewisseld: { $when }
