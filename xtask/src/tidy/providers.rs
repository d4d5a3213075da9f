//! Rooms full of providers: one a file, all in one list, all documented the same way.

use super::repository::{Finding, Repository, line_of};

/// A trait, and where those who have it live.
struct Room {
    name: &'static str,
    folder: &'static str,
    /// The file with the list of all.
    list: &'static str,
    /// The words that open the paragraphs of a provider's documentation.
    headings: &'static [&'static str],
}

const OBJECTS: &[&str] = &["*Objects.*", "*Reads.*", "*Writes.*", "*Quirks.*"];
const ENDPOINTS: &[&str] = &["*Endpoints.*", "*Reads.*", "*Quirks.*"];

const ROOMS: &[Room] = &[
    Room {
        name: "Autoscaler",
        folder: "crates/targets/src/",
        list: "crates/targets/src/autoscalers.rs",
        headings: OBJECTS,
    },
    Room { name: "Meter", folder: "crates/meters/src/", list: "crates/meters/src/meter.rs", headings: ENDPOINTS },
    Room {
        name: "Notifier",
        folder: "crates/notifiers/src/",
        list: "crates/notifiers/src/notifier.rs",
        headings: ENDPOINTS,
    },
    Room { name: "Router", folder: "crates/routers/src/", list: "crates/routers/src/router.rs", headings: OBJECTS },
    Room { name: "Target", folder: "crates/targets/src/", list: "crates/targets/src/target.rs", headings: OBJECTS },
];

/// A provider that is in no list exists for nobody.
pub(super) fn listed(repository: &Repository) -> Vec<Finding> {
    let providers = providers(repository).filter(|provider| {
        let list = body(repository.text(provider.room.list), "pub fn all()");
        !list.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == provider.name)
    });
    providers
        .map(|provider| provider.finding(format!("add {} to `all()` in {}", provider.name, provider.room.list)))
        .collect()
}

/// Somebody who has read one provider finds their way in all.
pub(super) fn documented(repository: &Repository) -> Vec<Finding> {
    let missing = |provider: Provider<'_>| {
        let docs: String = provider.text.lines().take_while(|line| line.starts_with("//!")).collect();
        let absent: Vec<&str> =
            provider.room.headings.iter().filter(|heading| !docs.contains(**heading)).copied().collect();
        let advice = || format!("say in the file's documentation what the others say under {}", absent.join(" "));
        (!absent.is_empty()).then(|| provider.finding(advice()))
    };
    providers(repository).filter_map(missing).collect()
}

/// One `impl` of a room's trait.
struct Provider<'a> {
    room: &'static Room,
    name: &'a str,
    path: &'a str,
    text: &'a str,
}

impl Provider<'_> {
    fn finding(&self, advice: String) -> Finding {
        let is_here = |line: &str| line.starts_with(&format!("impl {} for {}", self.room.name, self.name));
        Finding::new(self.path, line_of(self.text, is_here), advice)
    }
}

fn providers(repository: &Repository) -> impl Iterator<Item = Provider<'_>> {
    ROOMS.iter().flat_map(|room| {
        repository.files(room.folder, ".rs").filter_map(move |(path, text)| {
            let (_, rest) = text.split_once(&format!("\nimpl {} for ", room.name))?;
            let name = rest.split_whitespace().next()?;
            Some(Provider { room, name, path, text })
        })
    })
}

/// The text of the function that opens like this.
fn body<'a>(text: &'a str, opening: &str) -> &'a str {
    let rest = text.split_once(opening).map_or("", |(_, rest)| rest);
    rest.split_once("\n}").map_or(rest, |(body, _)| body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(list: &str, docs: &str) -> Repository {
        let list =
            format!("pub fn all() -> [&'static dyn Meter; 1] {{\n    [{list}]\n}}\n\nfn other() {{ Graphite }}\n");
        let meter = format!("{docs}\nstruct Graphite;\n\nimpl Meter for Graphite {{}}\n");
        Repository::of(&[("crates/meters/src/meter.rs", &list), ("crates/meters/src/graphite.rs", &meter)])
    }

    #[test]
    fn a_provider_that_is_not_listed_is_found() {
        assert_eq!(listed(&repository("&Graphite", "")), []);
        let advice = "add Graphite to `all()` in crates/meters/src/meter.rs";
        let found = [Finding::new("crates/meters/src/graphite.rs", 4, advice)];
        assert_eq!(listed(&repository("&GraphiteOld", "")), found);
    }

    #[test]
    fn a_provider_that_says_less_than_the_others_is_found() {
        let docs = "//! Graphite.\n//!\n//! *Endpoints.* One.\n//! *Reads.* The last.\n//! *Quirks.* None.";
        assert_eq!(documented(&repository("", docs)), []);
        let [finding] = &documented(&repository("", &docs.replace("*Reads.*", "Reads")))[..] else { panic!() };
        assert!(finding.advice.ends_with("under *Reads.*"), "{finding:?}");
    }
}
