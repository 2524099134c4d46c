//! The way to the server: name, port, TLS, log-in.
//!
//! In: the settings of the line. Out: [`Problem`]s; of the steps the first that fails.
//! Promises: a gateway that runs with the same name keeps its connection: the client id is another.
//! Invariant: publishes nothing, subscribes to nothing.

use std::{io, net::IpAddr, time::Duration};

use rumqttc::{
    TlsConfiguration, Transport,
    v5::{
        AsyncClient, ConnectionError, Event, EventLoop, Incoming, MqttOptions,
        mqttbytes::v5::ConnectReturnCode,
    },
};
use rustls::CertificateError;
use tokio::{
    net::{TcpStream, lookup_host},
    time::timeout,
};

use super::{Problem, plain};
use crate::config::{Config, MqttConfig};

/// What each step may take.
const STEP_MAX: Duration = Duration::from_secs(5);

pub(super) async fn examine(config: &Config) -> Vec<Problem> {
    // Already installed is fine.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mqtt = &config.mqtt;
    let mut problems = Vec::new();
    if let Some(problem) = unreachable(mqtt).await {
        return vec![problem];
    }
    match log_in(config).await {
        Ok(()) => problems.push(Problem::BrokerGood {
            host: mqtt.host.clone(),
            port: mqtt.port,
            tls: mqtt.tls.is_some(),
        }),
        Err(problem) => problems.push(problem),
    }
    if mqtt.tls.is_none() && mqtt.credentials.is_some() && !is_this_machine(&mqtt.host) {
        problems.push(Problem::PasswordInClear {
            host: mqtt.host.clone(),
        });
    }
    problems
}

fn is_this_machine(host: &str) -> bool {
    let address = host.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Name and port.
async fn unreachable(mqtt: &MqttConfig) -> Option<Problem> {
    let (host, port) = (mqtt.host.clone(), mqtt.port);
    let looked_up = timeout(STEP_MAX, lookup_host((mqtt.host.as_str(), port))).await;
    let addresses: Vec<_> = match looked_up {
        Ok(Ok(addresses)) => addresses.collect(),
        _ => Vec::new(),
    };
    if addresses.is_empty() {
        let command = format!("getent hosts {host}; resolvectl status");
        return Some(Problem::NameUnknown { host, command });
    }
    let command = format!("nc -vz -w 5 {host} {port}");
    match timeout(STEP_MAX, TcpStream::connect(&*addresses)).await {
        Ok(Ok(_)) => None,
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Some(Problem::PortRefused {
                host,
                port,
                command,
            })
        }
        _ => Some(Problem::HostSilent {
            host,
            port,
            command,
        }),
    }
}

/// TLS and CONNECT, as the uplink does it, but for the client id.
async fn log_in(config: &Config) -> Result<(), Problem> {
    let mqtt = &config.mqtt;
    let id = format!("{}.{}.doctor", config.store, config.gateway);
    let mut options = MqttOptions::new(id, &mqtt.host, mqtt.port);
    options
        .set_keep_alive(Duration::from_secs(15))
        .set_connection_timeout(STEP_MAX.as_secs())
        .set_clean_start(true);
    if let Some((name, password)) = &mqtt.credentials {
        options.set_credentials(name, &password.0);
    }
    if let Some(tls) = &mqtt.tls {
        let tls = TlsConfiguration::Rustls(tls.clone());
        options.set_transport(Transport::tls_with_config(tls));
    }
    let (client, mut events) = AsyncClient::new(options, 4);
    match connected(&mut events).await {
        Ok(()) => {}
        // A broker that lets each user in under one client id has checked the password by then.
        Err(ConnectionError::ConnectionRefused(
            ConnectReturnCode::ClientIdentifierNotValid | ConnectReturnCode::BadClientId,
        )) => return Ok(()),
        Err(error) => return Err(of_error(&error, config)),
    }
    if client.try_disconnect().is_ok() {
        // Until it is said, or the broker has hung up.
        let goodbye = async { while events.poll().await.is_ok() {} };
        let _ = timeout(Duration::from_millis(500), goodbye).await;
    }
    Ok(())
}

async fn connected(events: &mut EventLoop) -> Result<(), ConnectionError> {
    loop {
        if let Event::Incoming(Incoming::ConnAck(_)) = events.poll().await? {
            return Ok(());
        }
    }
}

fn of_error(error: &ConnectionError, config: &Config) -> Problem {
    let mqtt = &config.mqtt;
    match error {
        ConnectionError::ConnectionRefused(
            ConnectReturnCode::BadUserNamePassword
            | ConnectReturnCode::NotAuthorized
            | ConnectReturnCode::BadAuthenticationMethod,
        ) => Problem::LoginRefused {
            user: mqtt.credentials.as_ref().map(|(name, _)| name.clone()),
            command: format!(
                "curl --cacert ca.pem -H \"Authorization: Bearer $KEY\" --json \
                 '{{\"gateway\":\"{}\"}}' https://{}:8443/v1/stores/{}/gateways",
                config.gateway, mqtt.host, config.store
            ),
        },
        ConnectionError::ConnectionRefused(code) => Problem::MqttOdd {
            why: format!("the broker says {code:?}"),
        },
        ConnectionError::Tls(error) => match of_tls(error) {
            Some(error) => tls(error, mqtt),
            None => Problem::TlsNotSpoken {
                host: mqtt.host.clone(),
                port: mqtt.port,
            },
        },
        ConnectionError::Io(error) => match error.kind() {
            // A port with TLS hangs up on whoever does not speak it.
            io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::UnexpectedEof => Problem::MqttOdd {
                why: "it hangs up".into(),
            },
            _ => Problem::MqttOdd { why: plain(error) },
        },
        ConnectionError::Timeout(_) => Problem::MqttOdd {
            why: "it does not answer".into(),
        },
        other => Problem::MqttOdd {
            why: other.to_string(),
        },
    }
}

/// What rustls said, wherever it was wrapped.
fn of_tls(error: &rumqttc::TlsError) -> Option<&rustls::Error> {
    match error {
        rumqttc::TlsError::TLS(error) => Some(error),
        rumqttc::TlsError::Io(error) => error.get_ref()?.downcast_ref(),
        _ => None,
    }
}

fn tls(error: &rustls::Error, mqtt: &MqttConfig) -> Problem {
    let (host, port) = (mqtt.host.clone(), mqtt.port);
    let look = format!("openssl s_client -connect {host}:{port} -servername {host} </dev/null");
    let rustls::Error::InvalidCertificate(error) = error else {
        return match error {
            rustls::Error::InvalidMessage(_) => Problem::TlsNotSpoken { host, port },
            error => Problem::TlsOdd {
                why: error.to_string(),
                command: look,
            },
        };
    };
    match error {
        CertificateError::UnknownIssuer
        | CertificateError::BadSignature
        | CertificateError::InvalidPurpose => Problem::TlsUntrusted {
            command: format!("sudo scp {host}:/var/lib/welkom/tls/ca.pem /etc/welkom/ca.pem"),
            host,
        },
        CertificateError::NotValidForName => Problem::TlsWrongName {
            host,
            names: "another name".into(),
        },
        CertificateError::NotValidForNameContext { presented, .. } => Problem::TlsWrongName {
            host,
            names: names(presented),
        },
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Problem::TlsNotYet
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            Problem::TlsExpired {
                command: format!("{look} | openssl x509 -noout -dates"),
            }
        }
        error => Problem::TlsOdd {
            why: error.to_string(),
            command: look,
        },
    }
}

/// As `DnsName("localhost")`, one each.
fn names(presented: &[String]) -> String {
    let names = presented.iter().map(|name| {
        let quoted = name.split('"').nth(1);
        quoted
            .or_else(|| name.split(['(', ')']).nth(1))
            .unwrap_or(name)
    });
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use rustls::pki_types::{ServerName, UnixTime};

    use super::*;

    fn config(tls: bool) -> Config {
        let text = format!(
            "store = \"kade-9\"\ngateway = \"door\"\n[spool]\ndir = \"spool\"\n[seal]\nplain = true\n\
             [mqtt]\nhost = \"shop.example\"\nport = 8883\nusername = \"kade-9/door\"\n\
             password = \"secret-{tls}\"\n"
        );
        Config::parse(&text, Path::new("gateway.toml")).unwrap()
    }

    fn of(error: CertificateError) -> Problem {
        let error = rustls::Error::InvalidCertificate(error);
        let wrapped = io::Error::new(io::ErrorKind::InvalidData, error);
        of_error(&ConnectionError::Tls(wrapped.into()), &config(true))
    }

    #[test]
    fn a_certificate_is_refused_in_words_that_fit() {
        let presented = ["DnsName(\"welkom.kade9.nl\")", "IpAddress(10.0.0.7)"];
        let named = of(CertificateError::NotValidForNameContext {
            expected: ServerName::try_from("shop.example").unwrap(),
            presented: presented.map(str::to_owned).into(),
        });
        let names = "welkom.kade9.nl, 10.0.0.7".to_owned();
        let host = "shop.example".to_owned();
        assert_eq!(named, Problem::TlsWrongName { host, names });
        let time = UnixTime::since_unix_epoch(Duration::from_secs(9));
        let early = CertificateError::NotValidYetContext {
            time,
            not_before: time,
        };
        assert_eq!(of(early), Problem::TlsNotYet);
        assert_eq!(of(CertificateError::Expired).code(), "tls_expired");
        assert_eq!(of(CertificateError::UnknownIssuer).code(), "tls_untrusted");
        assert_eq!(of(CertificateError::Revoked).code(), "tls_odd");
    }

    #[test]
    fn a_log_in_that_is_refused_names_the_user_and_never_the_password() {
        let refused = ConnectionError::ConnectionRefused(ConnectReturnCode::NotAuthorized);
        let problem = of_error(&refused, &config(false));
        assert_eq!(problem.code(), "login_refused");
        assert!(format!("{problem:?}").contains("kade-9/door"));
        assert!(!format!("{problem:?}").contains("secret-"));
    }

    #[test]
    fn only_another_machine_gets_a_password_in_clear() {
        assert!(is_this_machine("localhost") && is_this_machine("::1"));
        assert!(!is_this_machine("192.168.1.4") && !is_this_machine("shop.example"));
    }
}
