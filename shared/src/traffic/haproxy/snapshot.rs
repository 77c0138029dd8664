//! What the split was before the first write.

use serde::{Deserialize, Serialize};

use crate::split::Snapshot;

use super::moves::{Admin, Both, Setting};
use super::{NAME, Servers};
use crate::traffic::Fault;

/// The part of a snapshot that only this manager reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Detail {
    pub(super) servers: Servers,
    pub(super) instances: Vec<Instance>,
}

/// One instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Instance {
    pub(super) address: String,
    pub(super) stable: Setting,
    pub(super) canary: Setting,
}

impl Detail {
    /// Reads a snapshot.
    pub(super) fn of(snapshot: &Snapshot) -> Result<Self, Fault> {
        let unreadable = |found: String| Fault::Unsuitable {
            detail: format!("the snapshot is {found}, expected one of {NAME}"),
        };
        if snapshot.manager != NAME {
            return Err(unreadable(format!("of {}", snapshot.manager)));
        }
        let detail = Self::deserialize(&snapshot.detail)
            .map_err(|error| unreadable(format!("unreadable ({error})")))?;
        detail.servers.check().map_err(unreadable)?;
        Ok(detail)
    }

    /// What an instance is to be put back to. One that the snapshot does not know gets what its share comes to.
    pub(super) fn goal(&self, address: &str, snapshot: &Snapshot) -> Both {
        let known = self
            .instances
            .iter()
            .find(|instance| instance.address == address);
        let ready = Setting {
            weight: 0,
            state: Admin::Ready,
        };
        let both = |stable, canary| Both { stable, canary };
        known
            .map_or_else(
                || both(ready, ready).sharing(snapshot.share),
                |known| both(known.stable, known.canary),
            )
            .never_dark()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::split::Share;

    fn snapshot(stable: u16) -> Snapshot {
        Snapshot {
            manager: NAME.into(),
            share: Share::new(20).unwrap(),
            detail: json!({
                "servers": {"backend": "shop", "stable": "blue", "canary": "green"},
                "instances": [{
                    "address": "/a.sock",
                    "stable": {"weight": stable, "state": "ready"},
                    "canary": {"weight": 7, "state": "maint"},
                }],
            }),
        }
    }

    #[test]
    fn an_instance_gets_its_own_weights_back_and_a_new_one_the_share() {
        let snapshot = snapshot(28);
        let detail = Detail::of(&snapshot).unwrap();
        let known = detail.goal("/a.sock", &snapshot);
        assert_eq!((known.stable.weight, known.canary.weight), (28, 7));
        assert_eq!(known.canary.state, Admin::Maint);
        let other = detail.goal("/b.sock", &snapshot);
        assert_eq!((other.stable.weight, other.canary.weight), (80, 20));
    }

    #[test]
    fn a_snapshot_in_which_nobody_serves_is_not_put_back_as_it_was() {
        let snapshot = snapshot(0);
        let goal = Detail::of(&snapshot).unwrap().goal("/a.sock", &snapshot);
        assert!(goal.stable.effective() > 0);
    }

    #[test]
    fn a_foreign_or_forged_snapshot_is_refused() {
        let mut foreign = snapshot(1);
        foreign.manager = "script".into();
        let mut broken = snapshot(1);
        broken.detail = json!({"servers": 1});
        let mut forged = snapshot(1);
        forged.detail["servers"]["backend"] = json!("shop/x weight 1; shutdown");
        for snapshot in [foreign, broken, forged] {
            assert!(Detail::of(&snapshot).is_err());
        }
    }
}
