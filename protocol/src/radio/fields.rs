//! Fields of a JSON object, as lenient as firmware is loose: numbers may come as text.
//!
//! In: payload bytes. Out: a field, or a reason that names it.
//! Invariant: no reason repeats what stood in a field.

use serde_json::{Map, Value};

use super::{CLOCK_SET_MS, RadioError};
use crate::air::AdData;

/// An object.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) fn read(payload: &[u8]) -> Result<Self, RadioError> {
        match serde_json::from_slice(payload) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            _ => Err(RadioError::Json),
        }
    }

    pub(super) fn of(value: &Value) -> Option<Self> {
        value.as_object().cloned().map(Self)
    }

    pub(super) fn get(&self, field: &'static str) -> Option<&Value> {
        self.0.get(field).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, field: &'static str) -> Result<Option<&str>, RadioError> {
        let Some(value) = self.get(field) else {
            return Ok(None);
        };
        let wanted = "text";
        value
            .as_str()
            .map(Some)
            .ok_or(RadioError::Field { field, wanted })
    }

    pub(super) fn number(&self, field: &'static str) -> Result<Option<f64>, RadioError> {
        let number = match self.get(field) {
            None => return Ok(None),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(value) => value.as_f64(),
        };
        let wanted = "a number";
        number
            .filter(|n: &f64| n.is_finite())
            .map(Some)
            .ok_or(RadioError::Field { field, wanted })
    }

    /// Received strength in whole dBm; 127 is "not known" (Core specification, volume 4, part E,
    /// 7.7.65.2), and what is above 20 was never measured.
    pub(super) fn rssi_dbm(&self) -> Result<i8, RadioError> {
        let rssi_dbm = self.number("rssi")?.ok_or(RadioError::Missing("rssi"))?;
        let (field, wanted) = ("rssi", "a strength from -127 to 20 dBm");
        whole(rssi_dbm, -127.0, 20.0)
            .map(|n| n as i8)
            .ok_or(RadioError::Field { field, wanted })
    }

    pub(super) fn u16(&self, field: &'static str) -> Result<Option<u16>, RadioError> {
        let Some(number) = self.number(field)? else {
            return Ok(None);
        };
        let wanted = "a number from 0 to 65535";
        whole(number, 0.0, 65_535.0)
            .map(|n| Some(n as u16))
            .ok_or(RadioError::Field { field, wanted })
    }

    /// Unix time; none where it is not there, or where the clock was never set.
    pub(super) fn unix_ms(
        &self,
        field: &'static str,
        unit_ms: f64,
    ) -> Result<Option<u64>, RadioError> {
        let at = self.number(field)?;
        let set = at.map(|at| at * unit_ms).filter(|at_ms| {
            // Past it, a double does not hold every millisecond; that is in 280,000 years.
            (CLOCK_SET_MS as f64..9e15).contains(at_ms)
        });
        Ok(set.map(|at_ms| at_ms as u64))
    }

    pub(super) fn hex(&self, field: &'static str) -> Result<Option<Vec<u8>>, RadioError> {
        let wanted = "hexadecimal digits";
        let Some(text) = self.text(field)? else {
            return Ok(None);
        };
        hex::decode(text)
            .map(Some)
            .map_err(|_| RadioError::Field { field, wanted })
    }
}

fn whole(number: f64, min: f64, max: f64) -> Option<i32> {
    let rounded = number.round();
    (min..=max).contains(&rounded).then_some(rounded as i32)
}

/// Advertising data that must fit.
pub(super) fn ad_of(field: &'static str, bytes: &[u8]) -> Result<AdData, RadioError> {
    let wanted = "at most 254 bytes";
    AdData::from_bytes(bytes).map_err(|_| RadioError::Field { field, wanted })
}

/// Two MAC addresses, or ids: written with colons or without, in capitals or not.
pub(super) fn same_id(a: &str, b: &str) -> bool {
    let plain = |text: &str| -> String {
        let kept = text.chars().filter(|c| !":-".contains(*c));
        kept.map(|c| c.to_ascii_lowercase()).collect()
    };
    plain(a) == plain(b)
}
