//! QR codes, drawn by the server.
//!
//! In: a text. Out: a path for an SVG.
//! Invariant: dark on light in dark mode too, since many cameras read no other.

use qrcode::{Color, EcLevel, QrCode};

/// A QR code as runs of dark modules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Qr {
    /// With the quiet zone that scanners need, half of it given by the frame's padding.
    pub view_box: String,
    /// What is dark.
    pub path: String,
}

impl Qr {
    /// None when the text does not fit in any code: it stands beside it anyway.
    pub fn of(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
        let width = code.width();
        let mut path = String::new();
        for (y, row) in code.to_colors().chunks(width).enumerate() {
            let mut x = 0;
            for run in row.chunk_by(|a, b| a == b) {
                if run.first() == Some(&Color::Dark) {
                    let dark = run.len();
                    path.push_str(&format!("M{x} {y}h{dark}v1h-{dark}z"));
                }
                x += run.len();
            }
        }
        Some(Self {
            view_box: format!("-2 -2 {0} {0}", width + 4),
            path,
        })
    }
}
