//! A server that starts: its log comes back piece by piece, and it answers meanwhile with what it has so far.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use serde_json::json;

use super::contents::Class;

/// What has not come back yet.
pub(crate) struct Starting {
    since: Instant,
    /// Between two pieces.
    pause: Duration,
    replayed: usize,
    pieces: VecDeque<Piece>,
    /// Come with the last piece.
    aliases: BTreeMap<String, String>,
}

/// A class comes in two pieces: first as it was created, later with what was added to it.
enum Piece {
    Created(String, Class),
    Whole(String, Class),
}

impl Starting {
    pub fn new(classes: BTreeMap<String, Class>, aliases: BTreeMap<String, String>, pause: Duration) -> Self {
        let mut pieces = VecDeque::new();
        for (name, class) in classes {
            pieces.push_back(Piece::Created(name.clone(), as_created(&class)));
            pieces.push_back(Piece::Whole(name, class));
        }
        Self { since: Instant::now(), pause, replayed: 0, pieces, aliases }
    }

    /// Adds what has come back by now. Whether that is all.
    pub fn replay(
        &mut self,
        classes: &mut BTreeMap<String, Class>,
        aliases: &mut BTreeMap<String, String>,
    ) -> bool {
        let due = self.since.elapsed().as_millis() / self.pause.as_millis().max(1);
        while (self.replayed as u128) < due {
            let Some(Piece::Created(name, class) | Piece::Whole(name, class)) = self.pieces.pop_front()
            else {
                aliases.append(&mut self.aliases);
                return true;
            };
            classes.insert(name, class);
            self.replayed += 1;
        }
        false
    }
}

/// With its first property, and nothing in it.
fn as_created(class: &Class) -> Class {
    let mut config = class.config.clone();
    if let Some(properties) = config.get_mut("properties").and_then(serde_json::Value::as_array_mut) {
        properties.truncate(1);
    }
    config.insert("description".into(), json!(""));
    Class::new(config, u64::from(!class.is_multi_tenant()))
}
