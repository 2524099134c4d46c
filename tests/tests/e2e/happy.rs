//! A whole visit: shoppers come in, phones and board light up, nobody is mixed up.

use std::collections::BTreeMap;

use demo::{
    audit::Audit,
    score::{Seen, score},
    stack::{Options, Radio},
};
use e2e::{
    harness::test,
    rig::{Rig, program},
};
use firmware_sim::{shopper::Scenario, world::World};
use libtest_mimic::Trial;
use tokio::sync::watch;

pub(crate) fn tests() -> Vec<Trial> {
    vec![
        test(
            "healthy_run_matches_the_truth_and_logs_no_warning",
            &[],
            || healthy_run(Radio::Sim),
        ),
        test(
            "healthy_run_through_raw_hci_matches_the_truth_and_logs_no_warning",
            &[],
            || healthy_run(Radio::Hci),
        ),
    ]
}

async fn healthy_run(radio: Radio) -> anyhow::Result<()> {
    let options = Options {
        snapshot_s: Some(86_400),
        ..Options::default()
    };
    let rig = Rig::start_on(radio, &program()?, options).await?;
    let mut rig = rig.with_gateways().await?;
    let scenario = Scenario::new(rig.stack.store.clone(), 60_000, "happy");
    let world = World::new(
        Scenario {
            shoppers: 10,
            ..scenario
        },
        11,
    );
    let phones = world.enrol(&rig.stack.api).await?;
    let (_stop, shutdown) = watch::channel(false);
    let run = world
        .run(&rig.stack.api, phones, &*rig.air, shutdown, |_| {})
        .await?;
    for gateway in &mut rig.gateways {
        gateway.stop()?;
    }
    demo::cli::settle(&rig.stack).await?;
    rig.stack.stop().await?;
    let seen = Seen {
        boards: BTreeMap::new(),
        inboxes: run.inboxes,
    };
    let score = score(&run.truth, &seen, &Audit::open(&rig.stack.database())?)?;
    anyhow::ensure!(score.is_clean(), "{score:#?}");
    anyhow::ensure!(
        score.notifications > 0 && score.arrivals_true > 0,
        "nothing happened: {score:#?}"
    );
    let warnings = rig.warnings()?;
    anyhow::ensure!(warnings.is_empty(), "{warnings:#?}");
    Ok(())
}
