# Words that several pages share. Spoken, short, without blame or hurry.
skip = Naar de inhoud
today = Vandaag
items = { $count ->
    [one] { $count } stuk
   *[other] { $count } stuks
}

day-today = Vandaag
day-yesterday = Gisteren
day-tomorrow = Morgen
day-1 = Maandag
day-2 = Dinsdag
day-3 = Woensdag
day-4 = Donderdag
day-5 = Vrijdag
day-6 = Zaterdag
day-7 = Zondag
month-1 = januari
month-2 = februari
month-3 = maart
month-4 = april
month-5 = mei
month-6 = juni
month-7 = juli
month-8 = augustus
month-9 = september
month-10 = oktober
month-11 = november
month-12 = december

link-live = Live
link-reconnecting = Opnieuw verbinden
link-stale = Verouderd sinds { $time }

login-title = Inloggen
login-morning = Goedemorgen, kom binnen
login-afternoon = Goedemiddag, kom binnen
login-evening = Goedenavond, kom binnen
login-heading = Inloggen bij { $store }
login-name = Personeelsnaam
login-password = Wachtwoord
login-paste = Plakken en een wachtwoordkluis mogen.
login-submit = Begin mijn dienst
login-lost = Wachtwoord kwijt? Vraag je teamleider om een nieuwe.
login-wrong = { $tries ->
    [one] Dat klopt niet helemaal. Kijk je naam en wachtwoord na; na nog { $tries } keer wachten we even.
   *[other] Dat klopt niet helemaal. Kijk je naam en wachtwoord na; na nog { $tries } keer wachten we even.
}
login-wait = Te vaak geprobeerd. Over { $time } kan het weer.

error-shut = Deze deur zit dicht
error-help = Voor wie wil helpen
error-back = Terug naar het begin
error-400-title = Dat konden we niet lezen
error-400-detail = Ga terug en probeer het nog een keer.
error-403-title = Hier mag je niet in
error-403-detail = Log in met een naam die hier wel bij mag, of laad de vorige pagina opnieuw.
error-404-title = Deze pagina is er niet (meer)
error-404-detail = Misschien is het bezoek al gewist, of de link verlopen. Met je winkel is niets mis: het bord werkt gewoon.
error-429-title = Even wachten
error-429-detail = Er kwam te veel tegelijk. Probeer het over een minuut nog eens.
error-500-title = Het lukte ons niet
error-500-detail = Dat ligt aan ons, niet aan jou. Probeer het zo nog eens.
error-503-title = We zijn er bijna weer
error-503-detail = De winkelcomputer start op of heeft het druk. Probeer het zo nog eens.
