# Where data comes from and goes to: for who runs the shop, when something does not arrive.
integrations-title = Koppelingen
integrations-intro = Wie ons gegevens stuurt, wie we iets vertellen, en of dat lukt. Ze zijn van de hele keten.
integrations-not-admin = Een proefbestelling mag je sturen. Taken afvinken en opnieuw sturen doet een beheerder van de keten.
integrations-said-done = Afgevinkt.
integrations-said-again = Het bericht gaat opnieuw. Kijk zo of het aankwam.

integrations-just-now = zojuist
integrations-minutes-ago = { $count ->
    [one] { $count } minuut geleden
   *[other] { $count } minuten geleden
}
integrations-hours-ago = { $count } uur geleden
integrations-days-ago = { $count ->
    [one] { $count } dag geleden
   *[other] { $count } dagen geleden
}

integrations-tasks = Te doen voor de privacy
integrations-tasks-count = { $count ->
    [one] { $count } taak
   *[other] { $count } taken
}
integrations-task-data = Een klant wil weten wat er van haar bewaard wordt
integrations-task-data-how = Stuur haar de kopie via de winkel, binnen een maand.
integrations-task-nobody = We bewaren niets van haar: laat dat weten, binnen een maand.
integrations-task-shop = De winkel is gestopt en wil dat haar gegevens weggaan
integrations-task-shop-how = Wis haar klanten en neem de bron weg.
integrations-task-number = verzoek { $number }
integrations-done = Gedaan
integrations-done-what = Gedaan: { $what }

integrations-alarms = Meldingen komen niet aan
integrations-alarm = { $name } weigert ons sinds { $when }
integrations-alarm-web = Kijk in welkom.toml bij [push.web]: klopt subject, en is de sleutel in data_dir/push nog dezelfde?
integrations-alarm-fcm = Haal bij Google een nieuw bestand voor [push.fcm] en start de server opnieuw.
integrations-alarm-apns = Kijk bij Apple of de sleutel van [push.apns] nog geldt, en of key_id, team_id en topic kloppen.
integrations-alarm-times = { $count ->
    [one] Eén keer geweigerd; weg zodra er één bericht doorkomt.
   *[other] { $count } keer geweigerd; weg zodra er één bericht doorkomt.
}

integrations-first = Begin hier
integrations-first-more = Er is nog geen webwinkel gekoppeld. Zo komt er een bij; docs/data-in.md vertelt het helemaal.
integrations-first-key = Maak op de server een sleutel voor wie de keten beheert. Hij wordt één keer getoond.
integrations-first-source = Maak daarmee de bron, met het geheim waarmee de winkel tekent en met je winkels bij naam.
integrations-first-shop = Kom hier terug: dan staat er welk adres en welke onderwerpen je in de winkel invult. Stuur daarna een proefbestelling.
integrations-first-events = Kijkgedrag van de site komt apart, met een sleutel die verder niets kan.
integrations-first-files = Producten, voorraad en klanten kunnen ook uit bestanden komen.
integrations-first-docs = Bestanden melden zelf wat er niet klopte, regel voor regel; ze staan niet op deze pagina.

integrations-events = Kijkgedrag (events)
integrations-last = Laatste bericht { $when }
integrations-never = Nog nooit iets gehoord
integrations-signature-right = Handtekening klopt
integrations-signature-wrong = Handtekening klopte niet: { $when }
integrations-count-applied = verwerkt
integrations-count-outdated = ouder dan wat we wisten
integrations-count-ignored = niet voor ons
integrations-count-repeated = dubbel gestuurd
integrations-count-unknown = van wie niet bij Welkom is: niets bewaard
integrations-count-no-consent = zonder toestemming: niets bewaard
integrations-count-anonymous = van wie niet was ingelogd
integrations-count-signature = met een verkeerde handtekening
integrations-count-refused = niet te lezen
integrations-errors = { $count ->
    [one] Laatste fout
   *[other] Laatste { $count } fouten
}
integrations-todo-signature = Het geheim is niet dat van de winkel. Neem het over uit de winkel en zet het met PUT /v1/sources.
integrations-todo-unknown = De winkel noemt iets wat wij niet kennen. Voeg het toe, en laat de winkel het bericht opnieuw sturen.
integrations-todo-topic = Het bericht zegt niet waarover het gaat. Stuurt er iets anders dan de winkel zelf naar dit adres?
integrations-todo-unreadable = Er ontbreekt iets in het bericht. Werk de winkelsoftware bij; blijft het, stuur ons deze regel.

integrations-setup = Wat je in de winkel invult
integrations-address = Adres voor webhooks
integrations-address-more = Kopieer het hele adres.
integrations-topics = Onderwerpen
integrations-stores = Onze winkels, zoals de webwinkel ze noemt
integrations-no-store = Nog geen: een bestelling om op te halen hoort dan nergens bij.
integrations-else = Al het andere

integrations-test = Stuur een proefbestelling
integrations-test-more = Een bestelling zoals de webwinkel haar stuurt, langs dezelfde weg. Er blijft niets van over: geen bestelling, klant, kaart of bericht.
integrations-test-location = Plek van ophalen, zoals de webwinkel die noemt
integrations-test-sku = Artikelnummer
integrations-test-secret = Geheim van de webwinkel
integrations-test-secret-more = Mag leeg blijven. Plak het hier om te zien of wij hetzelfde hebben.
integrations-test-send = Stuur proefbestelling
integrations-test-nothing = Alles is teruggedraaid: er staat nu niets meer van.
test-order-verdict-right = Goed
test-order-verdict-look = Let op
test-order-verdict-wrong = Fout
test-order-signature-right = De handtekening klopt
test-order-signature-wrong = De handtekening klopt niet: dit geheim is een ander dan dat van de bron
test-order-signature-wrong-next = Zet het geheim dat de webwinkel toont bij de bron: PUT /v1/sources/{ $value }, veld secret.
test-order-read = Het bericht is te lezen: { $value }
test-order-unreadable = Het bericht is niet te lezen: { $value }
test-order-unreadable-next = Controleer plek en artikelnummer, en stuur ons deze regel als het blijft.
test-order-no-order = In dit bericht staat geen bestelling
test-order-no-order-next = Stuur ons deze regel.
test-order-store-named = Winkel gevonden: { $value }
test-order-store-own = Winkel: { $value }, de enige van deze bron
test-order-store-unknown = De plek “{ $value }” kennen we niet; we nemen de winkel van de bron
test-order-store-unknown-next = Is dat een andere winkel? Zet “{ $value }” in locations van de bron, met de winkel erbij.
test-order-store-none = De plek “{ $value }” kennen we niet, en de bron heeft geen winkel
test-order-store-none-next = Zet “{ $value }” in locations van de bron, of geef de bron een store.
test-order-customer = Klant: verzonnen voor deze proef. Een echte bestelling telt alleen van wie bij Welkom is.
test-order-product-known = Artikel bekend: { $value }
test-order-product-new = Artikel { $value } is nog niet bekend
test-order-product-new-next = Het zou er met de naam en prijs van de bestelling bij komen. Laat de winkel ook products sturen, of importeer ze.
test-order-order-made = Het zou worden: bestelling { $value }
test-order-order-none = Het zou geen bestelling worden
test-order-order-none-next = Los eerst op wat hierboven staat, en probeer opnieuw.

integrations-receivers = Wie we iets vertellen
integrations-receivers-none = Niemand. Een systeem van de winkel meld je aan met PUT /v1/webhooks-out.
integrations-receiver-gone = Weg sinds { $when }: meld het opnieuw aan
integrations-receiver-new = Nog niets gestuurd
integrations-receiver-well = Neemt aan
integrations-receiver-refuses = Nam het laatste niet aan
integrations-receiver-last = Laatste antwoord, { $when }: { $answer }
integrations-receiver-numbers = { $waiting } { $waiting ->
    [one] wacht
   *[other] wachten
}, { $failed } opgegeven
integrations-no-answer = geen antwoord
integrations-event-message = Een bericht ging uit
integrations-event-entered = Iemand kwam binnen
integrations-event-left = Iemand ging weg
integrations-event-arrived = Iemand kwam voor een bestelling
integrations-event-waiting = Iemand zegt dat ze wacht
integrations-event-escalated = Niemand gaat naar een klant die wacht
integrations-event-unserved = Iemand ging weg zonder hulp
integrations-event-completed = Een bestelling is overhandigd
integrations-event-returned = Een retour is aangenomen
integrations-again = Stuur opnieuw
integrations-again-what = Stuur opnieuw: { $what }, { $when }
