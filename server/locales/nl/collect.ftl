# Somebody else collects, and the door of a store: her link, his page, the short link, the poster.
share-button = Laat iemand anders ophalen
share-given = Iemand anders kan dit ophalen met code { $code }.
share-arrived = Om { $time } kwam er iemand voor je bestelling. Er gaat iemand naar toe.
share-back = Trek de link in
share-new = Nieuwe link
share-title = Iemand anders haalt het op
share-heading = Stuur deze link
share-code = Wie hem opent, ziet een eigen code voor de balie: { $code }.
share-label = De link
share-send = Deel de link
share-copy = Kopieer de link
share-copied = Gekopieerd.
share-copy-failed = Dat lukte niet. Selecteer de link en kopieer hem zelf.
share-message = Wil je dit voor me ophalen?
share-once = De link staat alleen nu in beeld. Kwijt? Maak een nieuwe, dan werkt deze niet meer.
share-what = Op die pagina staan je voornaam, het nummer van de bestelling en de winkel. Niet wat erin zit. Je kunt de link altijd intrekken; hij stopt vanzelf als de bestelling is opgehaald.

collect-title = Ophalen voor iemand anders
collect-hello = Je haalt iets op voor { $name }
collect-number = Bestelling { $number }
collect-age = De winkel vraagt hoe oud je bent. Neem een identiteitsbewijs mee.
collect-seen = Gezien om { $time }. Er komt iemand naar je toe.
collect-failed = Dat lukte nu niet. Loop naar de balie en noem de code, dan komt het goed.
collect-not-ready = Dit ligt nog niet klaar. Kijk later nog eens op deze pagina.
collect-what = { $name } stuurde je deze link. Van jou bewaren we niets, ook niet als je op “Ik ben er” drukt.
collect-over = Deze link werkt niet meer
collect-over-what = Niets om op te halen
collect-over-more = De bestelling is al opgehaald, of de link is ingetrokken. Vraag het aan wie hem je stuurde.

doorway-title = Ben je bij { $store }?
doorway-hello = Dag { $name }
doorway-more = Druk op de knop, dan weten we dat je er bent en komt er iemand naar je toe.
doorway-mine = Naar mijn pagina
doorway-nobody = Deze telefoon kennen we nog niet
doorway-nobody-more = Open eerst je eigen pagina: de link staat in het bericht over je bestelling. Scan daarna de code bij de deur nog eens.
doorway-nobody-desk = Lukt dat niet? Loop naar de balie en noem je code, dan komt het ook goed.

poster-title = Poster voor de deur
poster-intro = Hang hem bij de ingang: wie iets komt halen, meldt zich met de telefoon. Print op A4, staand.
poster-sheet = De poster
poster-heading = Kom je iets halen?
poster-qr = QR-code van { $link }
poster-scan = Scan de code met je telefoon.
poster-press = Druk op “Ik ben er”.
poster-come = Er komt iemand naar je toe.
poster-foot = Werkt ook zonder bluetooth. Liever niet? Loop naar de balie en noem je code.
poster-link = Poster voor de deur
