//! `org.bluez` on a bus: the driver around the daemon's mind.
//!
//! In: a bus, its clients' calls. Out: replies and signals, in the order of the queue.
//! Promises: owns the name `org.bluez` when [`Service::start`] returns; has left the bus when
//! [`Service::stop`] returns.
//! Invariant: decides nothing about Bluetooth.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use tokio::{sync::mpsc, task::JoinSet};
use zbus::{
    Connection, MessageStream,
    message::{Header, Message, Type},
    zvariant::{DynamicType, ObjectPath, OwnedValue, Value},
};

use super::{
    adapter::{Adapter, Refusal, Signal},
    state::{Daemon, Options, Outgoing, State, lock},
    wire::{self, ADAPTER, ADAPTER_PATH, OBJECT_MANAGER, PROPERTIES},
};

/// BlueZ counts in seconds how long a device was silent.
const EXPIRE_EVERY_MAX: Duration = Duration::from_secs(1);

/// To be told when a client leaves the bus.
const CLIENTS: &str = "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'";
/// Flag and answer of `RequestName` (D-Bus specification, "Message Bus Messages").
const DO_NOT_QUEUE: u32 = 4;
const PRIMARY_OWNER: u32 = 1;

/// The daemon's connection.
#[derive(Debug)]
pub(super) struct Service {
    connection: Connection,
    tasks: JoinSet<()>,
}

impl Service {
    /// Connects, and serves a fresh daemon.
    pub(super) async fn start(
        address: &str,
        options: &Options,
        state: Arc<Mutex<State>>,
    ) -> zbus::Result<Self> {
        let connection = zbus::connection::Builder::address(address)?.build().await?;
        let calls = MessageStream::from(&connection);
        ask_bus(&connection, "AddMatch", &CLIENTS).await?;
        let (out, queue) = mpsc::unbounded_channel();
        lock(&state).daemon = Some(Daemon::new(Instant::now(), options, out));
        // By hand: the library's own way expects its object server, and warns without it.
        let asked = ask_bus(&connection, "RequestName", &("org.bluez", DO_NOT_QUEUE)).await?;
        if asked.body().deserialize::<u32>()? != PRIMARY_OWNER {
            return Err(zbus::Error::NameTaken);
        }
        let mut tasks = JoinSet::new();
        tasks.spawn(write(connection.clone(), queue, state.clone()));
        tasks.spawn(read(calls, state.clone()));
        tasks.spawn(expire(options.temporary, state));
        Ok(Self { connection, tasks })
    }

    /// Leaves without a word, as a daemon that is killed.
    pub(super) async fn stop(mut self, state: &Mutex<State>) {
        lock(state).daemon = None;
        self.tasks.shutdown().await;
        // The bus may be gone already; then the connection is too.
        let _ = self.connection.close().await;
    }
}

async fn ask_bus<B>(connection: &Connection, method: &str, body: &B) -> zbus::Result<Message>
where
    B: serde::Serialize + DynamicType,
{
    const BUS: &str = "org.freedesktop.DBus";
    let path = "/org/freedesktop/DBus";
    let call = connection.call_method(Some(BUS), path, Some(BUS), method, body);
    call.await
}

async fn write(
    connection: Connection,
    mut queue: mpsc::UnboundedReceiver<Outgoing>,
    state: Arc<Mutex<State>>,
) {
    while let Some(outgoing) = queue.recv().await {
        if let Err(error) = connection.send(&outgoing.message).await {
            tracing::debug!(%error, "the bus is gone");
            lock(&state).daemon = None;
            return;
        }
        lock(&state).written(outgoing.advertisement);
    }
}

async fn read(mut messages: MessageStream, state: Arc<Mutex<State>>) {
    while let Some(Ok(message)) = messages.next().await {
        let header = message.header();
        let taken = match message.message_type() {
            Type::MethodCall => answer(&message, &header, &state),
            Type::Signal => client_left(&message, &header, &state),
            Type::MethodReturn | Type::Error => Ok(()),
        };
        if let Err(error) = taken {
            tracing::warn!(%error, "answer a client");
        }
    }
    // The bus is gone, and with it every client.
    lock(&state).daemon = None;
}

async fn expire(temporary: Duration, state: Arc<Mutex<State>>) {
    let mut tick = tokio::time::interval((temporary / 10).min(EXPIRE_EVERY_MAX));
    loop {
        tick.tick().await;
        lock(&state).act(|adapter| adapter.expire(Instant::now()));
    }
}

fn client_left(message: &Message, header: &Header<'_>, state: &Mutex<State>) -> zbus::Result<()> {
    if header
        .member()
        .is_none_or(|m| m.as_str() != "NameOwnerChanged")
    {
        return Ok(());
    }
    let body = message.body();
    let (name, _, owner): (&str, &str, &str) = body.deserialize()?;
    if owner.is_empty() {
        lock(state).act(|adapter| adapter.client_left(name));
    }
    Ok(())
}

/// Answers one call; what follows from it is told after the answer.
fn answer(message: &Message, header: &Header<'_>, state: &Mutex<State>) -> zbus::Result<()> {
    let mut state = lock(state);
    let Some(daemon) = &mut state.daemon else {
        return Ok(());
    };
    let (reply, signals) = match call(&mut daemon.adapter, message, header)? {
        Answer::Reply(reply) => (reply, Vec::new()),
        Answer::Done(Ok(signals)) => (returned(header, &())?, signals),
        Answer::Done(Err(refused)) => {
            let (name, text) = wire::refusal(refused);
            (failed(header, name, text)?, Vec::new())
        }
        Answer::Unknown => {
            let name = "org.freedesktop.DBus.Error.UnknownObject";
            (
                failed(header, name, "no such object or method")?,
                Vec::new(),
            )
        }
    };
    daemon.send(reply, None);
    signals.iter().for_each(|signal| daemon.tell(signal, None));
    Ok(())
}

enum Answer {
    Reply(Message),
    Done(Result<Vec<Signal>, Refusal>),
    Unknown,
}

fn call(adapter: &mut Adapter, message: &Message, header: &Header<'_>) -> zbus::Result<Answer> {
    let path = header.path().map_or("", ObjectPath::as_str);
    let interface = header.interface().map_or("", |name| name.as_str());
    let member = header.member().map_or("", |name| name.as_str());
    let client = header.sender().map_or("", |name| name.as_str());
    let body = message.body();
    let is_adapter = path == ADAPTER_PATH && adapter.is_present;
    let done = match (interface, member) {
        (OBJECT_MANAGER, "GetManagedObjects") if path == "/" => {
            let objects = wire::objects(adapter)?;
            return Ok(Answer::Reply(returned(header, &objects)?));
        }
        (PROPERTIES, "GetAll") => {
            let values = wire::values_at(adapter, path, body.deserialize()?);
            return values.map_or(Ok(Answer::Unknown), |values| {
                returned(header, &values).map(Answer::Reply)
            });
        }
        (PROPERTIES, "Get") => {
            let (of, name): (&str, &str) = body.deserialize()?;
            let values = wire::values_at(adapter, path, of);
            let value = values.and_then(|mut values| values.remove(name));
            return value.map_or(Ok(Answer::Unknown), |value| {
                returned(header, &value).map(Answer::Reply)
            });
        }
        (PROPERTIES, "Set") if is_adapter => {
            let (_, name, value): (&str, &str, Value<'_>) = body.deserialize()?;
            match (name, bool::try_from(value)) {
                ("Powered", Ok(on)) => Ok(adapter.set_powered(on)),
                _ => return Ok(Answer::Unknown),
            }
        }
        (ADAPTER, "SetDiscoveryFilter") if is_adapter => {
            let given: HashMap<String, OwnedValue> = body.deserialize()?;
            adapter.set_filter(client, wire::filter(given)?)
        }
        (ADAPTER, "StartDiscovery") if is_adapter => {
            adapter.start_discovery(Instant::now(), client)
        }
        (ADAPTER, "StopDiscovery") if is_adapter => adapter.stop_discovery(client),
        (ADAPTER, "RemoveDevice") if is_adapter => {
            let device: ObjectPath<'_> = body.deserialize()?;
            adapter.remove_device(&wire::address_in(device.as_str()).unwrap_or_default())
        }
        _ => return Ok(Answer::Unknown),
    };
    Ok(Answer::Done(done))
}

fn returned<B>(header: &Header<'_>, body: &B) -> zbus::Result<Message>
where
    B: serde::Serialize + DynamicType,
{
    Message::method_return(header)?.build(body)
}

fn failed(header: &Header<'_>, name: &str, text: &str) -> zbus::Result<Message> {
    Message::error(header, name)?.build(&text)
}
