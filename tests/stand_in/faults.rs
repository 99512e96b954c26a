//! Scripted misbehaviour: which call, which time, and what then.
//!
//! ```ignore
//! let faults = stand_in.faults();
//! faults.on(Call::grpc("Search")).from(3).times(2).grpc(Code::Unavailable, "connect: Post: refused");
//! faults.on(Call::rest("POST", "/v1/schema")).http(503, "try later");
//! faults.on(Call::grpc("BatchObjects")).always().refuse_objects(Objects::Every(7), "not enough memory");
//! let held = faults.on(Call::grpc("Search")).from(2).hold();
//! held.reached().await; // the second page is being asked for
//! ```

mod call;
mod rule;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use call::Call;
use rule::Rule;
pub(crate) use rule::{Action, RefusedObjects, Rewound, run};
pub use rule::{Held, Objects, OnCall};

use super::door::WayOut;

/// The script of one stand-in, and its record of calls. A clone is the same script.
#[derive(Clone, Default)]
pub struct Faults(Arc<Inner>);

#[derive(Default)]
struct Inner {
    script: Mutex<Script>,
    down: AtomicBool,
    lines: Mutex<Vec<WayOut>>,
}

#[derive(Default)]
struct Script {
    rules: Vec<Rule>,
    calls: Vec<Call>,
}

impl Faults {
    /// Starts a rule; it counts from now on, and without more said it applies to the first call only.
    ///
    /// Several rules may apply to one call: in the order they were made, until one ends it.
    pub fn on(&self, call: Call) -> OnCall {
        OnCall::new(self.clone(), call)
    }

    /// Forgets all rules; calls that are held go on.
    pub fn clear(&self) {
        self.script().rules.clear();
    }

    /// How many calls have come in that this one describes.
    pub fn count(&self, call: &Call) -> usize {
        self.script().calls.iter().filter(|made| call.covers(made)).count()
    }

    /// Every call so far, such as `GET /v1/schema` and `Search`, in the order they came in.
    pub fn calls(&self) -> Vec<String> {
        self.script().calls.iter().map(ToString::to_string).collect()
    }

    /// Resets all connections, and new ones as they come, until `up`.
    pub fn down(&self) {
        self.0.down.store(true, Ordering::SeqCst);
        self.cut_all();
    }

    pub fn up(&self) {
        self.0.down.store(false, Ordering::SeqCst);
    }

    /// Resets all connections once.
    pub fn cut_all(&self) {
        for way_out in self.lines().drain(..) {
            way_out.cut();
        }
    }

    /// All connections that there are stay open, but carry nothing any more; new ones do.
    pub fn silence_all(&self) {
        self.lines().iter().for_each(WayOut::fall_silent);
    }

    pub(crate) fn is_down(&self) -> bool {
        self.0.down.load(Ordering::SeqCst)
    }

    pub(crate) fn remember(&self, line: WayOut) {
        let mut lines = self.lines();
        lines.retain(WayOut::is_open);
        lines.push(line);
    }

    /// Records the call and says what to do to it.
    pub(crate) fn meet(&self, call: Call) -> Vec<Action> {
        let mut script = self.script();
        let actions = script.rules.iter_mut().filter_map(|rule| rule.meet(&call)).collect();
        script.calls.push(call);
        actions
    }

    fn add(&self, rule: Rule) {
        self.script().rules.push(rule);
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.0.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lines(&self) -> MutexGuard<'_, Vec<WayOut>> {
        self.0.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
