//! Objects and signals of `org.bluez` as D-Bus messages.
//!
//! In: the adapter's state, a [`Signal`]. Out: a message for the bus, or what a call said.
//! Promises: paths, names and types are those of BlueZ 5.66 (`org.bluez.Adapter1`,
//! `org.bluez.Device1`).
//! Invariant: decides nothing; whoever changes the state renders it at once, under the same lock.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;
use zbus::{
    message::Message,
    zvariant::{Dict, ObjectPath, OwnedValue, Value},
};

use super::{
    adapter::{Adapter, Filter, Refusal, Signal},
    device::{Device, Property},
};

/// The adapter's path.
pub(super) const ADAPTER_PATH: &str = "/org/bluez/hci0";
/// Interfaces by name.
pub(super) const ADAPTER: &str = "org.bluez.Adapter1";
pub(super) const DEVICE: &str = "org.bluez.Device1";
pub(super) const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
pub(super) const OBJECT_MANAGER: &str = "org.freedesktop.DBus.ObjectManager";
const INTROSPECTABLE: &str = "org.freedesktop.DBus.Introspectable";

/// Properties by name.
pub(super) type Values = BTreeMap<&'static str, Value<'static>>;
type Interfaces = BTreeMap<&'static str, Values>;

/// The path of a device.
pub(super) fn device_path(address: &str) -> String {
    format!("{ADAPTER_PATH}/dev_{}", address.replace(':', "_"))
}

/// The address in a device's path.
pub(super) fn address_in(path: &str) -> Option<String> {
    let name = path.strip_prefix(ADAPTER_PATH)?.strip_prefix("/dev_")?;
    Some(name.replace('_', ":"))
}

/// What `GetManagedObjects` answers.
pub(super) fn objects(
    adapter: &Adapter,
) -> zbus::Result<BTreeMap<ObjectPath<'static>, Interfaces>> {
    let mut objects = BTreeMap::new();
    if adapter.is_present {
        let path = ObjectPath::try_from(ADAPTER_PATH)?;
        objects.insert(path, interfaces(ADAPTER, adapter_values(adapter)));
    }
    for device in adapter.devices() {
        let path = ObjectPath::try_from(device_path(&device.address))?;
        objects.insert(path, interfaces(DEVICE, device_values(device)));
    }
    Ok(objects)
}

/// The properties of the object at `path`, if it has this interface.
pub(super) fn values_at(adapter: &Adapter, path: &str, interface: &str) -> Option<Values> {
    match interface {
        ADAPTER if path == ADAPTER_PATH => Some(adapter_values(adapter)),
        DEVICE => Some(device_values(adapter.device(&address_in(path)?)?)),
        _ => None,
    }
}

/// A signal, with the values that its properties have now.
pub(super) fn signal(adapter: &Adapter, signal: &Signal) -> zbus::Result<Message> {
    match signal {
        Signal::AdapterAdded => added(ADAPTER_PATH, ADAPTER, adapter_values(adapter)),
        Signal::AdapterRemoved => removed(ADAPTER_PATH, ADAPTER),
        Signal::Powered => adapter_changed("Powered", adapter.is_powered),
        Signal::Discovering => adapter_changed("Discovering", adapter.discovers()),
        Signal::DeviceAdded(address) => {
            let values = adapter.device(address).map(device_values);
            added(&device_path(address), DEVICE, values.unwrap_or_default())
        }
        Signal::DeviceRemoved(address) => removed(&device_path(address), DEVICE),
        Signal::DeviceChanged(address, properties) => {
            let mut values = adapter.device(address).map(device_values);
            let names: Vec<_> = properties.iter().flat_map(|p| names(*p)).collect();
            let values = values.as_mut().map(|values| {
                values.retain(|name, _| names.contains(&name));
                std::mem::take(values)
            });
            let path = device_path(address);
            changed(&path, DEVICE, values.unwrap_or_default(), &[])
        }
        Signal::DeviceInvalidated(address, properties) => {
            let names: Vec<_> = properties.iter().flat_map(|p| names(*p)).copied().collect();
            changed(&device_path(address), DEVICE, Values::new(), &names)
        }
    }
}

/// The error that a client gets.
pub(super) fn refusal(refusal: Refusal) -> (&'static str, &'static str) {
    match refusal {
        Refusal::NotReady => ("org.bluez.Error.NotReady", "Resource Not Ready"),
        Refusal::InProgress => (
            "org.bluez.Error.InProgress",
            "Operation already in progress",
        ),
        Refusal::NoDiscovery => ("org.bluez.Error.Failed", "No discovery started"),
        Refusal::DoesNotExist => ("org.bluez.Error.DoesNotExist", "Does Not Exist"),
    }
}

/// What `SetDiscoveryFilter` was given; keys that change nothing here are let be.
pub(super) fn filter(given: HashMap<String, OwnedValue>) -> zbus::Result<Filter> {
    let mut filter = Filter::default();
    for (key, value) in given {
        match key.as_str() {
            "DuplicateData" => filter.duplicates = bool::try_from(value)?,
            "UUIDs" => {
                let uuids = Vec::<String>::try_from(value)?;
                filter.uuids = uuids
                    .iter()
                    .filter_map(|text| Uuid::parse_str(text).ok())
                    .collect();
            }
            _ => {}
        }
    }
    Ok(filter)
}

fn adapter_values(adapter: &Adapter) -> Values {
    let text = |text: &'static str| Value::from(text);
    BTreeMap::from([
        ("Address", text("00:AA:01:00:00:42")),
        ("AddressType", text("public")),
        ("Name", text("welkom")),
        ("Alias", text("welkom")),
        // Linux Foundation, BlueZ 5.66.
        ("Modalias", text("usb:v1D6Bp0246d0542")),
        ("Class", Value::from(0_u32)),
        ("Powered", Value::from(adapter.is_powered)),
        ("Discovering", Value::from(adapter.discovers())),
        ("Discoverable", Value::from(false)),
        ("DiscoverableTimeout", Value::from(180_u32)),
        ("Pairable", Value::from(false)),
        ("PairableTimeout", Value::from(0_u32)),
        ("UUIDs", Value::from(Vec::<String>::new())),
    ])
}

fn device_values(device: &Device) -> Values {
    let address = device.address.clone();
    let alias = device.name.clone().unwrap_or(address.replace(':', "-"));
    let uuids: Vec<String> = device.uuids.iter().map(Uuid::to_string).collect();
    let mut values = BTreeMap::from([
        ("Address", Value::from(address)),
        // The simulator's transmitters are phones and fobs; all of them have random addresses.
        ("AddressType", Value::from("random")),
        ("Alias", Value::from(alias)),
        ("UUIDs", Value::from(uuids)),
    ]);
    if let Ok(path) = ObjectPath::try_from(ADAPTER_PATH) {
        values.insert("Adapter", Value::from(path));
    }
    for name in [
        "Paired",
        "Bonded",
        "Trusted",
        "Blocked",
        "LegacyPairing",
        "Connected",
        "ServicesResolved",
    ] {
        values.insert(name, Value::from(false));
    }
    let mut optional = |name, value: Option<Value<'static>>| {
        values.extend(value.map(|value| (name, value)));
    };
    optional("RSSI", device.rssi_dbm.map(|dbm| i16::from(dbm).into()));
    optional(
        "TxPower",
        device.tx_power_dbm.map(|dbm| i16::from(dbm).into()),
    );
    optional("Name", device.name.clone().map(Value::from));
    optional(
        "AdvertisingFlags",
        device.flags.map(|flags| vec![flags].into()),
    );
    let by_company = device
        .manufacturer
        .iter()
        .map(|(id, data)| (*id, Value::from(data.clone())));
    let by_company: BTreeMap<u16, Value<'static>> = by_company.collect();
    optional("ManufacturerData", some_map(by_company));
    let by_service = device.service_data.iter();
    let by_service = by_service.map(|(id, data)| (id.to_string(), Value::from(data.clone())));
    let by_service: BTreeMap<String, Value<'static>> = by_service.collect();
    optional("ServiceData", some_map(by_service));
    values
}

fn some_map<K: Ord>(map: BTreeMap<K, Value<'static>>) -> Option<Value<'static>>
where
    Dict<'static, 'static>: From<BTreeMap<K, Value<'static>>>,
{
    (!map.is_empty()).then(|| Value::Dict(Dict::from(map)))
}

fn names(property: Property) -> &'static [&'static str] {
    match property {
        Property::Rssi => &["RSSI"],
        Property::TxPower => &["TxPower"],
        Property::Name => &["Name", "Alias"],
        Property::Flags => &["AdvertisingFlags"],
        Property::Uuids => &["UUIDs"],
        Property::ManufacturerData => &["ManufacturerData"],
        Property::ServiceData => &["ServiceData"],
    }
}

fn interfaces(name: &'static str, values: Values) -> Interfaces {
    BTreeMap::from([
        (name, values),
        (INTROSPECTABLE, Values::new()),
        (PROPERTIES, Values::new()),
    ])
}

fn added(path: &str, interface: &'static str, values: Values) -> zbus::Result<Message> {
    let body = (ObjectPath::try_from(path)?, interfaces(interface, values));
    Message::signal("/", OBJECT_MANAGER, "InterfacesAdded")?.build(&body)
}

fn removed(path: &str, interface: &str) -> zbus::Result<Message> {
    let interfaces = [PROPERTIES, INTROSPECTABLE, interface];
    let body = (ObjectPath::try_from(path)?, interfaces.as_slice());
    Message::signal("/", OBJECT_MANAGER, "InterfacesRemoved")?.build(&body)
}

fn adapter_changed(name: &'static str, value: bool) -> zbus::Result<Message> {
    let values = BTreeMap::from([(name, Value::from(value))]);
    changed(ADAPTER_PATH, ADAPTER, values, &[])
}

fn changed(path: &str, interface: &str, values: Values, lost: &[&str]) -> zbus::Result<Message> {
    Message::signal(path, PROPERTIES, "PropertiesChanged")?.build(&(interface, values, lost))
}
