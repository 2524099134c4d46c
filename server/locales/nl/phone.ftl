# The shopper's page: je and first name; what happened, then what to do.
phone-title = Dag { $name }
phone-hello = Dag { $name }, fijn dat je er bent
phone-open = Vandaag open tot { $time }
phone-tabs = Deze pagina
tab-orders = Ophalen
tab-messages = Berichten
tab-choices = Jij kiest
tab-kept = Bewaard

orders-ready = { $count ->
    [one] Je bestelling ligt klaar
   *[other] Je bestellingen liggen klaar
}
orders-coming = { $count ->
    [one] Je bestelling is nog niet klaar
   *[other] Je bestellingen zijn nog niet klaar
}
orders-none = Niets om op te halen
orders-elsewhere = Hier niets om op te halen
orders-lies-at = Bestelling { $number } ligt klaar bij { $store }, niet hier.
orders-returns = { $count ->
    [one] Je retour
   *[other] Je retouren
}
orders-none-more = Bestel je iets voor deze winkel, dan staat hier je code.
orders-say-code = Noem deze code
orders-qr = QR-code met code { $code }
rate-question = Hoe werd je geholpen?
rate-mark = { $mark } van 5
rate-more = 1 is slecht, 5 is goed. Je cijfer telt mee zonder je naam.
rate-thanks = Dank je, je cijfer telt mee.
orders-keep = We bewaren het tot { $moment }
orders-other = { $count ->
    [one] Nog { $count } bestelling
   *[other] Nog { $count } bestellingen
}
return-say-code = Laat deze code zien
return-number = Retour { $number }
return-until = Terugbrengen kan tot en met { $day }
return-taken = Retour { $number } is aangenomen.
order-placed = nog niet klaar
order-ready = ligt klaar
order-delayed = later dan beloofd
order-cancelled = gaat niet door
order-completed = opgehaald
here-button = Ik ben er
help-button = Ik heb hulp nodig
help-asked = Je vroeg om hulp. Er komt iemand naar je toe.
help-back = Toch niet nodig
here-since = Gezien om { $time }. Er komt iemand met je bestelling naar je toe.

here-since-return = Gezien om { $time }. Er komt iemand naar je toe.

message-stock = { $stock ->
    [one] Nog { $stock } op voorraad.
   *[other] Nog { $stock } op voorraad.
}
message-from-viewed = Je bekeek dit online
message-from-read = Je las erover
message-from-wishlisted = Van je verlanglijst
message-from-carted = Uit je winkelmand
messages-none = Nog geen bericht
messages-none-more = Ligt er iets voor jou, dan staat het hier, met de reden erbij.
messages-off = Berichten staan uit
messages-off-more = Wil je ze toch? Zet ze aan bij “Wat mag Welkom?”.
why-heading = Waarom krijg ik dit?
why-online = { $when }, online
why-viewed = { $views ->
    [0] Je bekeek dit.
    [one] Je bekeek dit één keer.
   *[other] Je bekeek dit { $views } keer.
}
why-read = Je las een artikel waarin dit staat.
why-wishlisted = { $views ->
    [0] Je zette dit op je verlanglijst.
    [one] Je zette dit op je verlanglijst en keek er één keer naar.
   *[other] Je zette dit op je verlanglijst en keek er { $views } keer naar.
}
why-carted = { $views ->
    [0] Je legde dit in je winkelmand.
    [one] Je legde dit in je winkelmand en keek er één keer naar.
   *[other] Je legde dit in je winkelmand en keek er { $views } keer naar.
}
why-zone = { $when }, { $zone }
why-sure = We dachten voor { $percent }% zeker dat je daar stond.
why-rule = Onze regel
why-rule-viewed = Online bekeken, hier op voorraad.
why-rule-store = Een bericht van deze winkel, voor wie berichten aan heeft staan.
why-rule-read = Uit een artikel dat je las, hier op voorraad.
why-rule-wishlisted = Van je verlanglijst, hier op voorraad.
why-rule-carted = Uit je winkelmand, hier op voorraad.
why-cap = Dit is bericht { $number } van hooguit { $max } vandaag.
why-off = Liever geen berichten? Zet ze hier uit.

choices-heading = Wat mag Welkom?
choices-intro = Jij kiest, per onderdeel. Alles staat uit tot je ja zegt. Een nee werkt binnen vijf tellen.
choices-yes = Ja
choices-no = Nee
choices-save = Bewaar mijn keuzes
quiet-pause = Pauze vandaag
quiet-resume = Toch weer berichten vandaag
quiet-mute = Nooit van { $store }
quiet-unmute = Weer wel van { $store }
consent-arrival = Aankomst voor mijn bestelling
consent-arrival-more = De winkel weet dat je er bent en legt je bestelling klaar.
consent-messages = Berichten in de winkel
consent-messages-more = { $max ->
    [one] Hooguit één per dag, nooit meer.
   *[other] Hooguit { $max } per dag, nooit meer.
}
consent-browsing = Mijn verlanglijst en kijkgedrag gebruiken
consent-browsing-more = Om te kiezen wat voor jou telt.
consent-statistics = Meetellen in cijfers
consent-statistics-more = Altijd in groepen van minstens tien, nooit op naam.
kept-heading = Wat we van je bewaren

say-here = Gezien. Er komt iemand met je bestelling naar je toe.
say-help = Er komt iemand naar je toe.
say-help-back = Goed, er komt niemand.
say-help-failed = Dat kwam niet aan. Loop even naar een medewerker toe.
say-help-not-here = We zien je nu niet in de winkel. Loop even naar een medewerker toe.
say-help-too-often = Je vroeg dit uur al vaak om hulp. Loop even naar een medewerker toe.
say-here-failed = Dat kwam niet aan. Loop naar de balie en noem je code, dan komt het goed.
say-choice-yes = Bewaard: { $what } staat aan.
say-choice-no = Bewaard: { $what } staat uit.
say-choice-failed = Dat is niet bewaard, de schakelaar staat weer zoals hij stond. Probeer het zo nog eens.

notify-button = Meldingen op dit toestel
notify-on = Meldingen op dit toestel staan aan.
notify-off = Meldingen op dit toestel staan uit.
notify-denied = Je browser staat geen meldingen van ons toe. In de instellingen van je browser kun je dat veranderen.
notify-failed = Dat lukte niet. Probeer het zo nog eens; op deze pagina zie je je berichten altijd.

stamps-heading = Jouw stempelkaart
stamps-intro = Eén kaart voor winkel en webwinkel. Geen punten om uit te rekenen.
stamps-per-visits = { $every ->
    [one] Bij elk bezoek: { $reward }.
   *[other] Bij elke { $every } bezoeken: { $reward }.
}
stamps-per-check-ins = { $every ->
    [one] Elke dag dat je “Ik ben er” zegt: { $reward }.
   *[other] Bij elke { $every } dagen dat je “Ik ben er” zegt: { $reward }.
}
stamps-per-online = { $every ->
    [one] Bij elke bestelling in de webwinkel: { $reward }.
   *[other] Bij elke { $every } bestellingen in de webwinkel: { $reward }.
}
stamps-per-store = { $every ->
    [one] Bij elke aankoop in de winkel: { $reward }.
   *[other] Bij elke { $every } aankopen in de winkel: { $reward }.
}
stamps-per-purchases = { $every ->
    [one] Bij elke aankoop, in de winkel of online: { $reward }.
   *[other] Bij elke { $every } aankopen, in de winkel of online: { $reward }.
}
stamps-per-mixed = { $every ->
    [one] Bij elk bezoek en elke aankoop: { $reward }.
   *[other] Bij elke { $every } bezoeken of aankopen: { $reward }.
}
stamps-least = Een aankoop telt vanaf { $money }.
stamps-progress = { $stamps ->
    [0] Nog geen stempel.
   *[other] { $stamps } gezet, nog { $left } te gaan.
}
stamps-show = Laat dit zien bij de kassa
stamps-until = Goed tot en met { $day }
stamps-counted = We tellen op welke dagen je in een winkel was en wat je kocht, een jaar lang. Je bezoeken alleen als Welkom je in de winkel mag zien, bij “Wat mag Welkom?”.
stamps-join = Doe mee
stamps-how = Hoe dit werkt, en stoppen
stamps-leave = Stop en wis mijn stempelkaart
stamps-leave-more = Stop je, dan wissen we je stempels en wat je nog kunt inwisselen.
message-reward = Naar je stempelkaart
why-rule-reward = Iets van je stempelkaart loopt bijna af.

tab-walk = Wandeling
walk-heading = Je verlanglijst, als wandeling
walk-count = { $here } van { $all } hier
walk-entrance = Entree
walk-in = binnen om { $time }
walk-lit = { $zone }: hier ben je, denken we
walk-way = { $zone }, ongeveer { $metres } m
walk-not-here = Niet in deze winkel
walk-last = laatste
walk-stock = { $stock } stuks
walk-elsewhere = wel bij { $stores }
walk-nowhere = nergens op voorraad
search-link = Ligt het hier ook?
search-back = Terug
search-label = Wat zoek je?
search-button = Zoek
search-none = Niets gevonden met “{ $words }”. Probeer een korter woord.
search-told = De voorraad zoals de winkel die het laatst doorgaf. Wat je zoekt bewaren we niet.
