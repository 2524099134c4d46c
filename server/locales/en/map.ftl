# The store map: where people are believed to be, for who runs the shop.
map-title = Map
map-intro = How many people are here, and where. Only those who agreed to it count, and nobody is named.
map-present = { $count ->
    [one] person in the shop
   *[other] people in the shop
}
map-sure = of them we know where
map-unknown = not known where
map-floor = Floor plan
map-walk = Calibration walk
map-alt = Floor plan with how busy each zone is. The tables below say the same.
map-none = No zones yet
map-none-more = Once this shop has zones, you will see here where it is busy.

legend-light = from nobody to the busiest zone
legend-gateway = gateway, and how many phones it heard in the last minute
legend-beacon = fixed beacon
legend-cut = takes no part: see the table
legend-door = door
legend-no-plan = no floor plan yet: the zones stand in rows

zones-heading = Zones
zone-people = { $count ->
    [0] nobody
    [one] { $count } person
   *[other] { $count } people
}
zone-maybe = maybe somebody
zone-sure = { $count } for sure
anchors-heading = Antennas and beacons
anchors-none = Nothing that hears phones hangs in this shop yet.
anchor-now = now
anchor-seconds = { $count } s ago
anchor-nobody = nobody
col-zone = Zone
col-people = How many
col-sure = For sure
col-last-radio = Last phone
col-radios = Last minute

visits-heading = Today's visits
visits-more = Without names. Choose a visit to see why we thought what we thought.
visits-none = Nobody who takes part has been here today.
visits-here = in now
visits-no-zone = no zone sure enough
col-came = In
col-left = Out
col-where = Where
