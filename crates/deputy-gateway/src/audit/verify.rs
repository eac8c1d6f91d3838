//! Whether the chain is whole, and if not, where it breaks first.

use deputy_core::Secret;
use deputy_store::audit::AuditRow;
use deputy_store::{Error, Store};

use super::chain::{BREAK, Chain};

/// Records read at a time.
const PAGE: u64 = 1000;

/// What [`verify`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The chain is whole.
    Whole {
        /// Number of records.
        records: i64,
    },
    /// It is not.
    Broken {
        /// The first record that does not fit.
        seq: i64,
        /// What is wrong with it.
        reason: &'static str,
    },
}

/// Goes through the whole chain. Records may be written meanwhile.
pub async fn verify(store: &Store, key: &Secret<Vec<u8>>) -> deputy_store::Result<Verdict> {
    loop {
        return match Walk::new(store, key).whole().await {
            Ok(records) => Ok(Verdict::Whole { records }),
            Err(Stop::Broken { seq, reason }) => Ok(Verdict::Broken { seq, reason }),
            Err(Stop::Failed(error)) => Err(error),
            Err(Stop::Begun) => continue,
        };
    }
}

/// Why a walk goes no further.
enum Stop {
    Broken {
        seq: i64,
        reason: &'static str,
    },
    Failed(Error),
    /// The very first record was written meanwhile: there is an end now.
    Begun,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

fn broken(seq: i64, reason: &'static str) -> Stop {
    Stop::Broken { seq, reason }
}

/// How far one has come.
struct Walk<'a> {
    store: &'a Store,
    chain: Chain,
    seq: i64,
    hash: Vec<u8>,
}

impl<'a> Walk<'a> {
    fn new(store: &'a Store, key: &Secret<Vec<u8>>) -> Self {
        Self {
            store,
            chain: Chain::new(key),
            seq: 0,
            hash: Vec::new(),
        }
    }

    async fn whole(mut self) -> Result<i64, Stop> {
        if let Some(first) = self.store.audit_first_seq().await?
            && first < 1
        {
            return Err(broken(first, "the record was added: the first one is 1"));
        }
        // The end first: records written while we read come after it and are looked at too.
        let head = self.head().await?;
        let at_head = self.advance(head.as_ref().map(|h| h.seq)).await?;
        if let Some(twice) = self.store.audit_duplicate_seq().await? {
            return Err(broken(twice, "the record is there twice"));
        }
        let now = self.head().await?;
        let Some(head) = head else {
            return match now {
                Some(_) => Err(Stop::Begun),
                None if self.seq == 0 => Ok(0),
                None => Err(broken(self.seq, "the end of the chain is not recorded")),
            };
        };
        if !self.chain.sealed(&head) {
            return Err(broken(head.seq, "the end of the chain was rewritten"));
        }
        match at_head {
            Some(found) if found != head.hash => {
                return Err(broken(head.seq, "the end of the chain does not fit"));
            }
            None if head.seq != 0 || self.seq != 0 => {
                return Err(broken(self.seq + 1, "the last records are missing"));
            }
            _ => {}
        }
        // Whatever we have read was behind an end at least as far on.
        match now {
            Some(now) if now.seq < self.seq => Err(broken(
                now.seq + 1,
                "the end of the chain was set back to before the record",
            )),
            _ => Ok(self.seq),
        }
    }

    /// The stored end of the chain.
    async fn head(&self) -> Result<Option<deputy_store::audit::AuditHead>, Stop> {
        match self.store.audit_stored_head().await {
            Err(Error::Inconsistent { .. }) => {
                let last = self.store.audit_final_seq().await?;
                Err(broken(
                    last.unwrap_or(self.seq),
                    "the end of the chain can't be read",
                ))
            }
            other => Ok(other?),
        }
    }

    /// Looks at all records that come now; the hash of the one at `mark`, if it was among them.
    async fn advance(&mut self, mark: Option<i64>) -> Result<Option<Vec<u8>>, Stop> {
        let mut marked = (mark == Some(0)).then(|| self.hash.clone());
        loop {
            let rows = self.page().await?;
            if rows.is_empty() {
                return Ok(marked);
            }
            for row in rows {
                self.step(&row)?;
                if mark == Some(self.seq) {
                    marked = Some(self.hash.clone());
                }
            }
        }
    }

    /// The next records; down to single ones where one of them can't be read.
    async fn page(&self) -> Result<Vec<AuditRow>, Stop> {
        match self.store.audit_after(self.seq, PAGE).await {
            Err(Error::Inconsistent { .. }) => {}
            other => return Ok(other?),
        }
        match self.store.audit_after(self.seq, 1).await {
            Err(Error::Inconsistent { .. }) => {}
            other => return Ok(other?),
        }
        let next = self.store.audit_next_seq(self.seq).await?;
        Err(match next {
            Some(next) if next == self.seq + 1 => broken(next, "the record can't be read"),
            _ => broken(self.seq + 1, "the record is missing"),
        })
    }

    fn step(&mut self, row: &AuditRow) -> Result<(), Stop> {
        if row.seq == self.seq {
            return Err(broken(row.seq, "the record is there twice"));
        }
        if row.seq != self.seq + 1 {
            return Err(broken(self.seq + 1, "the record is missing"));
        }
        if !self.chain.links(&self.hash, row) {
            let reason = if self.chain.links(BREAK, row) {
                "before the record the end of the chain was rewritten, cut off or added to"
            } else {
                "the record was changed, or one before it was removed or reordered"
            };
            return Err(broken(row.seq, reason));
        }
        self.seq = row.seq;
        self.hash.clone_from(&row.hash);
        Ok(())
    }
}
