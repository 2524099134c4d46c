# Figures: what a store's visits come to. Headings say what was found.
figures-title = Cijfers
figures-intro = Bezoeken zijn van wie ja zei; groepen onder de tien laten we weg.
figures-period = Periode
figures-weeks = { $count } weken
figures-csv = CSV
figures-empty = Nog niet genoeg gegevens
figures-empty-more = We tonen niets van minder dan tien mensen. Kijk over een week weer.
figures-sum = Samengevat
figures-sum-week = bezoeken vorige week
figures-sum-back = komt binnen 30 dagen terug
figures-sum-elsewhere = was ook in een andere winkel
figures-hidden = niet getoond
figures-not-yet = komt nog
figures-not-shown = minder dan 10, niet getoond
figures-table = Toon als tabel

figures-parts = { $n ->
    [2] twee
    [3] drie
    [4] vier
    [5] vijf
    [6] zes
    [7] zeven
    [8] acht
    [9] negen
   *[other] tien
}
figures-back-about = Een op de { $parts } komt terug
figures-back-nearly = Bijna een op de { $parts } komt terug
figures-back-over = Ruim een op de { $parts } komt terug
figures-back-half = Meer dan de helft komt terug
figures-back-fewer = Minder dan een op de tien komt terug
figures-back-unknown = Bezoeken per week
figures-visits-more = Bezoeken van klanten die ja zeiden, per week, afgerond op vijf. Terug: binnen 30 dagen.
figures-back-of = Van { $all } mensen kwamen er { $back } terug.
figures-visits = bezoeken
figures-again = waarvan terug binnen 30 dagen
figures-again-short = waarvan terug
figures-week = wk { $n }
figures-col-week = Week
figures-col-again = terug
figures-col-share = aandeel

figures-stays-longest = Bij { $zone } blijven mensen het langst
figures-stays = Verblijf per zone
figures-stays-more = Verblijf in één bezoek, mediaan, afgelopen vier weken.
figures-col-zone = Zone
figures-col-stay = min:sec

figures-often-once = De meesten komen één keer in vier weken
figures-often-again = De meesten komen vaker dan één keer in vier weken
figures-often = Hoe vaak mensen komen
figures-often-more = Mensen naar hun bezoeken in de afgelopen vier weken.
figures-often-1 = één keer
figures-often-2 = twee keer
figures-often-3 = drie of vier keer
figures-often-5 = vijf keer of vaker
figures-col-people = mensen

figures-first-back = Van de nieuwen in { $month } kwam { $percent }% een maand later weer
figures-first = Wie voor het eerst komt, en daarna
figures-first-more = Nieuw: voor het eerst in deze winkel gezien. Balk: in de maand erna weer gezien.
figures-col-month = Maand
figures-col-new = nieuw
figures-col-after-1 = 1 maand later
figures-col-after-2 = 2 maanden later
figures-col-after-3 = 3 maanden later

waits-heading = Wachten aan de balie
waits-sum-served = geholpen
waits-sum-half = de helft wacht korter
waits-sum-most = negen van de tien wachten korter
waits-sum-within = geholpen binnen 2 minuten
waits-sum-left = vertrokken zonder hulp
waits-hours-longest = Tussen { $from } en { $to } uur duurt het het langst
waits-hours = Wachten per uur
waits-more = Van binnenkomst tot overhandigen; balk: de helft wacht korter. Precies geteld, zonder namen.
waits-rating = { $marks } klanten gaven gemiddeld een { $mean } van 5.
waits-hour = { $hour } uur
waits-days-longest = Op { $day } duurt het het langst
waits-days = Wachten per dag van de week
waits-days-more = Hele weken, en deze week tot nu toe.
waits-none = geen
waits-col-hour = Uur
waits-col-day = Dag
waits-col-served = geholpen
waits-col-half = helft korter
waits-col-most = 9 van 10 korter
waits-col-taken = aangenomen, helft binnen
waits-col-within = binnen 2 min.
waits-col-left = zonder hulp weg
