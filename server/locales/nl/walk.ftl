# The calibration walk: a colleague walks the shop with a phone, once.
walk-title = IJkwandeling
walk-intro = Loop één keer met een telefoon door de winkel. Daarna weet Welkom hoe elke zone klinkt, en zegt het vaker waar iemand is.
walk-begin-heading = Beginnen
walk-step-1 = Neem een telefoon of pas die bij Welkom is aangemeld, met toestemming aan.
walk-step-2 = Sta in elke zone minstens twintig seconden stil, en tik hier op die zone.
walk-step-3 = Aan het eind zie je wat het waard is, vóór er iets verandert.
walk-who = Klantnummer van de testklant
walk-who-more = Van deze klant volgen we de telefoon of pas, tot de wandeling klaar is.
walk-begin = Begin de wandeling
walk-used-heading = In gebruik
walk-used = { $count ->
    [one] Deze winkel gebruikt een wandeling door { $count } zone.
   *[other] Deze winkel gebruikt een wandeling door { $count } zones.
}
walk-used-none = Door deze winkel is nog geen ijkwandeling gemaakt.
walk-drop = Niet meer gebruiken

walk-where = Waar sta je nu?
walk-where-more = Tik op de zone waarin je staat. Tik op Ik loop als je verder gaat.
walk-not-yet = nog niet geweest
walk-stood = { $time } min, { $count } keer gehoord
walk-current = hier sta je
walk-pause = Ik loop
walk-undo = Laatste tik terug
walk-stop = Klaar
walk-discard = Weggooien
walk-unheard = We horen deze telefoon niet. Staat bluetooth aan, en is dit de goede klant?

walk-done-title = Wandeling klaar
walk-done-intro = In de winkel is nog niets veranderd. Kijk eerst wat deze wandeling waard is.
walk-worth = Wat het waard is
walk-right = van wat we weglieten, wijst de rest goed aan
walk-verdict-good = Zo kan hij mee. Alle zones klinken verschillend genoeg.
walk-verdict-fair = Zo kan hij mee, en dit kan nog beter:
walk-verdict-poor = Liever nog een keer: zo zou te vaak de verkeerde zone worden gezegd.
walk-verdict-none = Te kort om iets over te zeggen. Sta in minstens twee zones, langer dan tien seconden.
walk-alike = { $a } en { $b } zijn niet uit elkaar te houden
walk-alike-move = Voeg ze samen, of hang { $anchor } midden in een van de twee: die hoort ze nu even goed.
walk-alike-more = Voeg ze samen, of hang in een van de twee een antenne of baken.
walk-close = { $a } en { $b } lijken op elkaar
walk-close-move = Soms zeggen we dan niets. Hang { $anchor } verder van hun grens als dat stoort.
walk-close-more = Soms zeggen we dan niets. Een baken in een van de twee helpt.
walk-missed = Niet geweest: { $zones }
walk-missed-more = Van deze zones weten we het niet beter dan eerst.
walk-short = Te kort gestaan: { $zones }
walk-short-more = Twintig seconden is het minste; op twee plekken is beter.
walk-use = Gebruik dit

walk-said-unknown = Er is geen klant met dit nummer.
walk-said-no-consent = Deze klant heeft geen toestemming gegeven. Zet in de app eerst een schakelaar aan.
walk-said-changed = Een collega was je voor: zo staat het nu.
