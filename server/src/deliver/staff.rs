//! Colleagues' phones: sends what `store::staff_push` holds, as `push` does for shoppers.
//!
//! Invariant: nothing leaves that is not marked on the disk first; a title has no customer's name.

use super::{answers::Verdict, answers::again_ms, outgoing::Answer, push::Push};
use crate::{
    clock,
    store::{
        StoreError,
        push::Next,
        staff_push::{self, StaffPushRow},
    },
    web::staff::phones,
};

impl Push {
    /// Marks what is due.
    pub(super) async fn lease_staff(
        &self,
        rows_max: usize,
    ) -> Result<Vec<StaffPushRow>, StoreError> {
        if self.providers.web.is_none() {
            return Ok(Vec::new());
        }
        self.pipeline
            .write(move |txn| staff_push::lease(txn.db, txn.now_ms, rows_max))
            .await
    }

    /// Sends a row that is marked, and records the answer.
    pub(super) async fn send_staff(self, row: StaffPushRow) {
        let answer = self.ask_staff(&row).await;
        let recorded = self
            .pipeline
            .write(move |txn| {
                let (next, forget) = judge(txn.now_ms, &row, &answer);
                staff_push::record(txn.db, txn.now_ms, &row, next, forget)
            })
            .await;
        match recorded {
            Ok(()) | Err(StoreError::Stopping) => {}
            Err(error) => tracing::error!(%error, "what a provider said is not recorded"),
        }
    }

    async fn ask_staff(&self, row: &StaffPushRow) -> Answer {
        let Some(web) = &self.providers.web else {
            return Answer::not_sent(Verdict::Later, "the settings name no such provider");
        };
        let asked = row.clone();
        let told = self.readers.read(move |db| phones::tell(db, &asked)).await;
        match told {
            Ok(told) => web.send_to_staff(clock::now_ms(), &row.to, &told).await,
            Err(error) => {
                tracing::error!(%error, "a colleague's notification has no words");
                Answer::not_sent(Verdict::Later, "no words for it")
            }
        }
    }
}

/// What becomes of a row after an answer, and whether the phone is forgotten.
fn judge(now_ms: u64, row: &StaffPushRow, answer: &Answer) -> (Next, bool) {
    let next = match answer.verdict {
        Verdict::Accepted => Next::Accepted,
        Verdict::GiveUp | Verdict::Dead => Next::Failed,
        Verdict::Later | Verdict::NewToken | Verdict::Alarm => {
            let until_ms = row.relevant_until_ms;
            again_ms(now_ms, row.attempt, answer.retry_after, until_ms)
                .map_or(Next::Failed, Next::Again)
        }
    };
    (next, answer.verdict == Verdict::Dead)
}
