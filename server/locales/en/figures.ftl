# Figures: what a store's visits come to. Headings say what was found.
figures-title = Figures
figures-intro = Visits are of those who said yes; groups under ten are left out.
figures-period = Period
figures-weeks = { $count } weeks
figures-csv = CSV
figures-empty = Not enough data yet
figures-empty-more = We show nothing about fewer than ten people. Look again in a week.
figures-sum = In short
figures-sum-week = visits last week
figures-sum-back = come back within 30 days
figures-sum-elsewhere = were in another store too
figures-hidden = not shown
figures-not-yet = to come
figures-not-shown = fewer than 10, not shown
figures-table = Show as table

figures-parts = { $n ->
    [2] two
    [3] three
    [4] four
    [5] five
    [6] six
    [7] seven
    [8] eight
    [9] nine
   *[other] ten
}
figures-back-about = One in { $parts } comes back
figures-back-nearly = Nearly one in { $parts } comes back
figures-back-over = Just over one in { $parts } comes back
figures-back-half = More than half come back
figures-back-fewer = Fewer than one in ten come back
figures-back-unknown = Visits by week
figures-visits-more = Visits of customers who said yes, by week, rounded to five. Back: within 30 days.
figures-back-of = Of { $all } people { $back } came back.
figures-visits = visits
figures-again = of which back within 30 days
figures-again-short = of which back
figures-week = wk { $n }
figures-col-week = Week
figures-col-again = back
figures-col-share = share

figures-stays-longest = People stay longest at { $zone }
figures-stays = Time spent by zone
figures-stays-more = Time spent in one visit, median, last four weeks.
figures-col-zone = Zone
figures-col-stay = min:sec

figures-often-once = Most come once in four weeks
figures-often-again = Most come more than once in four weeks
figures-often = How often people come
figures-often-more = People by their visits in the last four weeks.
figures-often-1 = once
figures-often-2 = twice
figures-often-3 = three or four times
figures-often-5 = five times or more
figures-col-people = people

figures-first-back = Of the newcomers in { $month } { $percent }% came again a month later
figures-first = Who comes for the first time, and after that
figures-first-more = New: first seen in this store. Bar: seen again in the month after.
figures-col-month = Month
figures-col-new = new
figures-col-after-1 = 1 month later
figures-col-after-2 = 2 months later
figures-col-after-3 = 3 months later

waits-heading = Waiting at the desk
waits-sum-served = served
waits-sum-half = half wait less
waits-sum-most = nine in ten wait less
waits-sum-within = served within 2 minutes
waits-sum-left = left without help
waits-hours-longest = It takes longest between { $from }:00 and { $to }:00
waits-hours = Waiting by hour
waits-more = From coming in to handing over; bar: half wait less. Counted exactly, without names.
waits-rating = { $marks } customers gave { $mean } out of 5 on average.
waits-hour = { $hour }:00
waits-days-longest = It takes longest on { $day }
waits-days = Waiting by day of the week
waits-days-more = Whole weeks, and this week so far.
waits-none = none
waits-col-hour = Hour
waits-col-day = Day
waits-col-served = served
waits-col-half = half wait less
waits-col-most = 9 in 10 less
waits-col-taken = taken, half within
waits-col-within = within 2 min
waits-col-left = left without
