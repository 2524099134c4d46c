//! The customer's code by camera.
//!
//! In: a browser with a camera that shows a test picture, and a stand-in for its reader of QR codes,
//! which headless Chromium on Linux has not: it sees what the test holds up, once the camera runs.
//! Out: what stands on the board, and an order that the real server closed; with
//! `WELKOM_SCREENSHOTS=1` pictures of the window, in both languages.

use demo::{audit::Audit, stack::STAFF};
use e2e::{
    browser::{Page, Reader},
    harness::{Tool, axe, test},
};
use libtest_mimic::Trial;
use serde_json::json;

use super::{
    Shop, log_in,
    pictures::{early_afternoon, folder, picture_in},
};

/// A phone, and a tablet.
const WIDTHS_PX: [u32; 2] = [390, 820];

/// Sees `window.held_up` in a picture that has come, and keeps count of the looks.
const STAND_IN: &str = "window.looks = 0; window.BarcodeDetector = class { \
     static async getSupportedFormats() { return ['qr_code']; } \
     async detect(video) { \
       window.looks += 1; window.camera = video.srcObject.getTracks()[0]; \
       const seen = video.videoWidth > 0 && window.held_up; \
       return seen ? [{ rawValue: window.held_up, format: 'qr_code' }] : []; } };";

pub(super) fn tests() -> Vec<Trial> {
    vec![
        test(
            "a_code_is_read_by_the_camera_and_the_order_is_handed_over",
            &[Tool::Chromium],
            in_each_language,
        ),
        test(
            "without_a_reader_there_is_no_button_and_a_camera_that_is_refused_is_told_in_words",
            &[Tool::Chromium],
            without,
        ),
    ]
}

/// What a colleague reads, in her language.
struct Words {
    of: &'static str,
    hold: &'static str,
    other: &'static str,
    wrong: &'static str,
    served: &'static str,
}

const DUTCH: Words = Words {
    of: "Code van\nMevrouw De Vries",
    hold: "Houd de QR-code",
    other: "een andere QR-code",
    wrong: "Nog 4 keer",
    served: "Overhandigd",
};

const ENGLISH: Words = Words {
    of: "Code of\nMs De Vries",
    hold: "Hold the QR code",
    other: "another QR code",
    wrong: "4 more tries",
    served: "Handed over",
};

const CLOSED: &str =
    "!document.querySelector('#scan').open && window.camera.readyState === 'ended'";

async fn in_each_language() -> anyhow::Result<()> {
    let keep = std::env::var_os("WELKOM_SCREENSHOTS").is_some_and(|value| value == "1");
    scanned("nl", &DUTCH).await?;
    if keep {
        scanned("en", &ENGLISH).await?;
    }
    Ok(())
}

/// A board in a browser whose new pages begin with this script.
async fn board_with(shop: &Shop, reader: Reader, script: &str) -> anyhow::Result<Page> {
    let page = shop.page(reader).await?;
    let source = json!({ "source": script });
    page.devtools("Page.addScriptToEvaluateOnNewDocument", source)
        .await?;
    page.goto("/login").await?;
    log_in(&page, STAFF.0, STAFF.1).await?;
    page.until("location.pathname === '/staff/kade-9'").await?;
    Ok(page)
}

async fn hold_up(page: &Page, text: &str) -> anyhow::Result<()> {
    page.value(&format!("window.held_up = {text:?}")).await?;
    Ok(())
}

async fn scanned(language: &'static str, words: &Words) -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    early_afternoon(&shop).await?;
    shop.eva_waits().await?;
    let reader = Reader {
        language,
        camera: true,
        ..Reader::default()
    };
    let board = board_with(&shop, reader, STAND_IN).await?;
    board.resize(820, 900).await?;
    board.click("[data-do=take]").await?;
    let (folder, _) = folder(&shop)?;
    board
        .until("document.querySelector('.card-mine [data-scan]') !== null")
        .await?;
    picture_in(
        &board,
        &folder,
        "scan-button",
        language,
        &WIDTHS_PX,
        &[false],
    )
    .await?;

    // By keyboard: in, and out with Escape. The camera goes off, the focus comes back.
    board
        .value("document.querySelector('[data-scan]').focus()")
        .await?;
    board.keys("\u{E007}").await?;
    board.until_says("#scan output", words.hold).await?;
    board.until("window.looks > 1").await?;
    board.until_says("#h-scan", words.of).await?;
    picture_in(&board, &folder, "scan", language, &WIDTHS_PX, &[false]).await?;
    if axe().is_ok() {
        let flaws = board.flaws().await?;
        anyhow::ensure!(flaws.is_empty(), "{flaws:#?}");
    }
    board.keys("\u{E00C}").await?;
    board.until(CLOSED).await?;
    board
        .until("document.activeElement.matches('[data-scan]')")
        .await?;
    board
        .until("document.querySelector('#scan video').srcObject === null")
        .await?;

    // Something else is said to be so; a wrong code counts as if typed; the right one hands over.
    board.click("[data-scan]").await?;
    hold_up(&board, "https://example.test/menu").await?;
    board.until_says("#scan output", words.other).await?;
    hold_up(&board, "0000").await?;
    board.until_says(".code-entry output", words.wrong).await?;
    board.until(CLOSED).await?;
    hold_up(&board, "7419").await?;
    board.click("[data-scan]").await?;
    board.until_says(".card .state", words.served).await?;
    board.until(CLOSED).await?;
    let served = "SELECT count(*) FROM cards WHERE journey = 'served'";
    let database = shop.rig.stack.database();
    anyhow::ensure!(Audit::open(&database)?.number(served)? == 1);
    let warnings = shop.rig.warnings()?;
    anyhow::ensure!(warnings.is_empty(), "{warnings:#?}");
    Ok(())
}

async fn without() -> anyhow::Result<()> {
    let shop = Shop::open().await?;
    shop.eva_waits().await?;
    let hidden = "getComputedStyle(document.querySelector('[data-scan]')).display === 'none'";
    let reader = Reader {
        camera: true,
        ..Reader::default()
    };
    let none = "delete window.BarcodeDetector;";
    let board = board_with(&shop, reader, none).await?;
    board.click("[data-do=take]").await?;
    board
        .until("document.querySelector('.card-mine [data-scan]') !== null")
        .await?;
    board.until(hidden).await?;

    // What the browser says to whom it does not let.
    let refused = format!(
        "{STAND_IN} navigator.mediaDevices.getUserMedia = async () => {{ \
           throw new DOMException('', window.because ?? 'NotAllowedError'); }};"
    );
    let board = board_with(&shop, reader, &refused).await?;
    board.click("[data-scan]").await?;
    board
        .until_says("#scan output", "De browser houdt de camera tegen")
        .await?;
    board.click("#scan [data-close]").await?;
    board.value("window.because = 'NotFoundError'").await?;
    board.click("[data-scan]").await?;
    board
        .until_says("#scan output", "Dit toestel heeft geen camera")
        .await?;

    // Elsewhere the camera is nobody's: the policy is the server's, the refusal the browser's own.
    let board = board_with(&shop, reader, "").await?;
    let asks = "navigator.mediaDevices.getUserMedia({ video: true }).then( \
         () => { window.answer = 'given'; }, (error) => { window.answer = error.name; })";
    for (path, answer) in [
        ("/staff/kade-9", "given"),
        ("/staff/kade-9/rewards", "NotAllowedError"),
    ] {
        board.goto(path).await?;
        board.value(&format!("(() => {{ {asks}; }})()")).await?;
        board
            .until(&format!("window.answer === '{answer}'"))
            .await?;
    }
    Ok(())
}
