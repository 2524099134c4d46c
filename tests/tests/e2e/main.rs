//! Every end-to-end test, in one program.

mod access;
mod bad_input;
mod bad_wire;
mod bluez;
mod campaigns;
mod captures;
mod consent;
mod corpus;
mod data_in;
mod delivery;
mod desk_mqtt;
mod doctor;
mod enrol;
mod evaluate;
mod fleet;
mod floor;
mod happy;
mod hci;
mod history;
mod home;
mod kills;
mod load_line;
mod loyalty;
mod outage;
mod pages;
mod push;
mod radio;
mod redelivery;
mod signs;
mod table;
mod write_loss;

fn main() -> std::process::ExitCode {
    let mut tests = Vec::new();
    tests.extend(access::tests());
    tests.extend(bad_input::tests());
    tests.extend(bad_wire::tests());
    tests.extend(bluez::tests());
    tests.extend(campaigns::tests());
    tests.extend(captures::tests());
    tests.extend(consent::tests());
    tests.extend(corpus::tests());
    tests.extend(data_in::tests());
    tests.extend(desk_mqtt::tests());
    tests.extend(delivery::tests());
    tests.extend(doctor::tests());
    tests.extend(enrol::tests());
    tests.extend(evaluate::tests());
    tests.extend(fleet::tests());
    tests.extend(floor::tests());
    tests.extend(happy::tests());
    tests.extend(hci::tests());
    tests.extend(history::tests());
    tests.extend(home::tests());
    tests.extend(kills::tests());
    tests.extend(load_line::tests());
    tests.extend(loyalty::tests());
    tests.extend(outage::tests());
    tests.extend(pages::tests());
    tests.extend(push::tests());
    tests.extend(radio::tests());
    tests.extend(redelivery::tests());
    tests.extend(signs::tests());
    tests.extend(table::tests());
    tests.extend(write_loss::tests());
    e2e::harness::run(tests)
}
