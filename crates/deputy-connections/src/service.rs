//! The services of a Google account that a person can connect, and the scopes each one needs.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// A service of a Google account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Google Calendar.
    Calendar,
    /// Gmail.
    Gmail,
    /// Google Drive and Docs.
    Drive,
}

impl Service {
    /// Every service, in the order of the documentation.
    pub const ALL: [Self; 3] = [Self::Calendar, Self::Gmail, Self::Drive];

    /// The name on the wire: `calendar`, `gmail` or `drive`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Calendar => "calendar",
            Self::Gmail => "gmail",
            Self::Drive => "drive",
        }
    }

    /// The scopes that it is connected with. The first one decides whether it counts as connected;
    /// a tool that needs another one looks for that itself.
    pub const fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Calendar => &[
                "https://www.googleapis.com/auth/calendar",
                "https://www.googleapis.com/auth/calendar.events",
            ],
            Self::Gmail => &[
                "https://www.googleapis.com/auth/gmail.readonly",
                "https://www.googleapis.com/auth/gmail.send",
                "https://www.googleapis.com/auth/gmail.compose",
            ],
            Self::Drive => &[
                "https://www.googleapis.com/auth/drive",
                "https://www.googleapis.com/auth/documents",
            ],
        }
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No such service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown service; there are: calendar, gmail, drive, all")]
pub struct UnknownService;

/// A set of services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Services {
    /// Whether Google Calendar is in it.
    pub calendar: bool,
    /// Whether Gmail is in it.
    pub gmail: bool,
    /// Whether Google Drive and Docs are in it.
    pub drive: bool,
}

impl Services {
    /// The empty set.
    pub const NONE: Self = Self {
        calendar: false,
        gmail: false,
        drive: false,
    };
    /// Every service.
    pub const ALL: Self = Self {
        calendar: true,
        gmail: true,
        drive: true,
    };

    /// Whether `service` is in the set.
    pub const fn contains(self, service: Service) -> bool {
        match service {
            Service::Calendar => self.calendar,
            Service::Gmail => self.gmail,
            Service::Drive => self.drive,
        }
    }

    /// Whether nothing is in the set.
    pub fn is_empty(self) -> bool {
        self == Self::NONE
    }

    /// What is in the set, in the order of [`Service::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Service> {
        Service::ALL.into_iter().filter(move |s| self.contains(*s))
    }

    /// What is in either set.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        self.iter().chain(other.iter()).collect()
    }

    /// What is in both sets.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        self.iter().filter(|s| other.contains(*s)).collect()
    }

    /// What is in this set and not in `other`.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        self.iter().filter(|s| !other.contains(*s)).collect()
    }

    /// The services that count as connected with these granted scopes: those whose first scope is
    /// among them.
    #[must_use]
    pub fn connected_by(self, granted: &[String]) -> Self {
        self.iter()
            .filter(|s| granted.iter().any(|g| g == s.scopes()[0]))
            .collect()
    }

    /// The services of which at least one scope was granted.
    #[must_use]
    pub fn touched_by(self, granted: &[String]) -> Self {
        self.iter()
            .filter(|s| granted.iter().any(|g| s.scopes().contains(&g.as_str())))
            .collect()
    }

    /// All scopes of the services in the set.
    pub fn scopes(self) -> impl Iterator<Item = &'static str> {
        self.iter().flat_map(|s| s.scopes().iter().copied())
    }

    /// The names, as they are stored.
    pub(crate) fn names(self) -> Vec<String> {
        self.iter().map(|s| s.as_str().to_owned()).collect()
    }

    /// The set of these names; unknown ones, which a newer version may have stored, are left out.
    pub(crate) fn from_names(names: &[String]) -> Self {
        Service::ALL
            .into_iter()
            .filter(|s| names.iter().any(|n| n == s.as_str()))
            .collect()
    }
}

impl FromIterator<Service> for Services {
    fn from_iter<I: IntoIterator<Item = Service>>(services: I) -> Self {
        let mut set = Self::NONE;
        for service in services {
            match service {
                Service::Calendar => set.calendar = true,
                Service::Gmail => set.gmail = true,
                Service::Drive => set.drive = true,
            }
        }
        set
    }
}

impl From<Service> for Services {
    fn from(service: Service) -> Self {
        std::iter::once(service).collect()
    }
}

/// `calendar`, `gmail`, `drive` or `all`, as in the query of the REST API.
impl FromStr for Services {
    type Err = UnknownService;

    fn from_str(name: &str) -> Result<Self, UnknownService> {
        if name == "all" {
            return Ok(Self::ALL);
        }
        let service = Service::ALL
            .into_iter()
            .find(|s| s.as_str() == name)
            .ok_or(UnknownService)?;
        Ok(service.into())
    }
}

/// The names with blanks between them; empty for the empty set.
impl fmt::Display for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.names().join(" "))
    }
}
