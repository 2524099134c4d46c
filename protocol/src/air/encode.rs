//! Frames to bytes: what simulated radios send, and what the decoder is tried with.

use super::{
    APPLE_COMPANY_ID, AdData, AdFull, EDDYSTONE_UUID16, Frame, SERVICE_UUID, ad_type, eddystone,
    own::identity_uuid,
};

/// LE General Discoverable, BR/EDR not supported (Core specification supplement, part A, 1.3).
const FLAGS: u8 = 0x06;

/// Writes a frame as advertising data, flags first; the inverse of [`super::decode`].
///
/// The longest layout takes 31 of [`super::AD_LEN_MAX`] bytes, so there is always room.
pub fn encode(frame: &Frame) -> Vec<u8> {
    let mut ad = AdData::new();
    let written = ad
        .push(ad_type::FLAGS, &[&[FLAGS]])
        .and_then(|()| write(&mut ad, frame));
    debug_assert_eq!(written, Ok(()));
    ad.as_bytes().to_vec()
}

fn write(ad: &mut AdData, frame: &Frame) -> Result<(), AdFull> {
    match *frame {
        Frame::Welkom { eid, tx_power_dbm } => {
            let [power] = tx_power_dbm.to_be_bytes();
            let [a, b, c, d, e, f, g, h] = eid.0;
            ad.push_service_data(SERVICE_UUID, &[a, b, c, d, e, f, g, h, power])
        }
        Frame::WelkomUuid { eid } => ad.push_service_uuid(identity_uuid(eid)),
        Frame::IBeacon {
            uuid,
            major,
            minor,
            tx_power_dbm,
        } => {
            let company_id = APPLE_COMPANY_ID.to_le_bytes();
            let parts = [
                &company_id[..],
                &[0x02, 0x15],
                uuid.as_bytes(),
                &major.to_be_bytes(),
                &minor.to_be_bytes(),
                &tx_power_dbm.to_be_bytes(),
            ];
            ad.push(ad_type::MANUFACTURER, &parts)
        }
        Frame::AltBeacon {
            company_id,
            uuid,
            major,
            minor,
            tx_power_dbm,
            mfg_reserved,
        } => {
            let company_id = company_id.to_le_bytes();
            let parts = [
                &company_id[..],
                &[0xbe, 0xac],
                uuid.as_bytes(),
                &major.to_be_bytes(),
                &minor.to_be_bytes(),
                &tx_power_dbm.to_be_bytes(),
                &[mfg_reserved],
            ];
            ad.push(ad_type::MANUFACTURER, &parts)
        }
        Frame::EddystoneUid {
            namespace,
            instance,
            tx_power_dbm,
        } => {
            let power = tx_power_dbm.to_be_bytes();
            write_eddystone(
                ad,
                eddystone::UID,
                &[&power, &namespace.0, &instance, &[0, 0]],
            )
        }
        Frame::EddystoneEid { eid, tx_power_dbm } => {
            write_eddystone(ad, eddystone::EID, &[&tx_power_dbm.to_be_bytes(), &eid.0])
        }
        Frame::EddystoneUrl { url, tx_power_dbm } => {
            let head = [tx_power_dbm.cast_unsigned(), url.scheme()];
            write_eddystone(ad, eddystone::URL, &[&head, url.encoded()])
        }
        Frame::EddystoneTlm(telemetry) => {
            let parts = [
                &[eddystone::TLM_PLAIN][..],
                &telemetry.battery_mv.to_be_bytes(),
                &telemetry.temperature_raw.to_be_bytes(),
                &telemetry.adv_count.to_be_bytes(),
                &telemetry.uptime_ds.to_be_bytes(),
            ];
            write_eddystone(ad, eddystone::TLM, &parts)
        }
        Frame::EddystoneEtlm {
            encrypted,
            salt,
            mic,
        } => {
            let parts = [
                &[eddystone::TLM_ENCRYPTED][..],
                &encrypted,
                &salt.to_be_bytes(),
                &mic.to_be_bytes(),
            ];
            write_eddystone(ad, eddystone::TLM, &parts)
        }
    }
}

/// The list of UUIDs that Eddystone asks for, then its service data.
fn write_eddystone(ad: &mut AdData, kind: u8, body: &[&[u8]]) -> Result<(), AdFull> {
    let uuid = EDDYSTONE_UUID16.to_le_bytes();
    ad.push(ad_type::UUIDS_16_COMPLETE, &[&uuid])?;
    let mut parts: Vec<&[u8]> = vec![&uuid, std::slice::from_ref(&kind)];
    parts.extend(body);
    ad.push(ad_type::SERVICE_DATA_16, &parts)
}
