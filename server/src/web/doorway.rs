//! The door of a store: a short link for "Ik ben er", and the poster with it.
//!
//! In: which store, whether her own page is open on this phone. Out: a page with one button, or with
//! what to do first; a sheet of paper.
//! Invariant: opening the link says nothing to anybody; only the button does.

use askama::Template;

use super::{
    i18n::Texts,
    lintel::Lintel,
    qr::Qr,
    views::{Icon, RenderError, render},
};

/// What the short link opens.
#[derive(Debug, Clone)]
pub struct DoorwayPage {
    /// In which words, in which time zone.
    pub texts: Texts,
    /// This page in the other language.
    pub other_lang_href: String,
    /// Whose door it is.
    pub store_name: String,
    /// Where the button posts to.
    pub action: String,
    /// Her first name and her session's token; none: this phone knows nobody.
    pub hers: Option<(String, String)>,
    /// What came of the button; true: staff have her card.
    pub said: Option<(bool, String)>,
}

/// The poster.
#[derive(Debug, Clone)]
pub struct PosterPage {
    /// What stands above it on a screen.
    pub lintel: Lintel,
    /// The short link.
    pub link: String,
}

/// The page behind the short link.
pub fn render_doorway(page: &DoorwayPage) -> Result<String, RenderError> {
    let t = &page.texts;
    render("doorway", &DoorwayTemplate { t, page })
}

/// The poster, with its sheet for a printer.
pub fn render_poster(page: &PosterPage) -> Result<String, RenderError> {
    let template = PosterTemplate {
        t: &page.lintel.texts,
        page,
        qr: Qr::of(&page.link),
        // Nobody types what a browser adds by itself.
        spoken: page.link.trim_start_matches("https://"),
    };
    render("poster", &template)
}

#[derive(Template)]
#[template(path = "doorway.html")]
struct DoorwayTemplate<'a> {
    t: &'a Texts,
    page: &'a DoorwayPage,
}

#[derive(Template)]
#[template(path = "poster.html")]
struct PosterTemplate<'a> {
    t: &'a Texts,
    page: &'a PosterPage,
    qr: Option<Qr>,
    spoken: &'a str,
}
