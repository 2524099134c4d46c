# What the shopper's app and page say beside the page's own words.
kept-name = Naam, voor je bestelling
kept-name-until = tot je die wist
kept-visits = Winkelbezoeken
kept-intents = Verlanglijst en kijkgedrag
kept-intents-count = { $count ->
    [one] { $count } product
   *[other] { $count } producten
}
kept-messages = Berichten en meldingen van vandaag
kept-push = Toestellen die we een melding kunnen sturen
kept-path = Waar je precies liep
kept-path-not = bewaren we niet
say-here-no-consent = Daarvoor staat nog geen keuze aan. Zet hieronder “Aankomst voor mijn bestelling” aan.
say-here-elsewhere = Hier ligt niets voor je klaar. Bestelling { $number } ligt bij { $store }.
say-here-nothing = Er ligt hier nu niets voor je klaar. We laten het je hier zien zodra dat zo is.
app-ready-title = { $kind ->
    [reservation] Je reservering ligt klaar
    [try_on] Je passpullen liggen klaar
   *[other] Je bestelling ligt klaar
}
app-ready-body = { $number } ligt klaar bij { $store }. Kom wanneer het je past.
app-ready-why = De winkel heeft dit voor je klaargelegd.
app-arrival-title = { $what ->
    [somebody_else] Er is iemand voor je bestelling
    [help] Er komt iemand
   *[other] We zien je
}
app-arrival-body = { $what ->
    [somebody_else] Wie je de link stuurde, is in de winkel voor { $number }.
    [order] Er komt iemand met je bestelling naar je toe.
   *[other] Er komt iemand naar je toe.
}
app-arrival-why = { $what ->
    [somebody_else] Je stuurde iemand een link om deze bestelling op te halen.
    [help] Je vroeg om hulp.
    [return] Je brengt iets terug en wilde dat de winkel weet dat je er bent.
   *[other] Je hebt een bestelling klaarliggen en wilde dat de winkel weet dat je er bent.
}
