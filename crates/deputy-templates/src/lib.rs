//! Server templates: what a person fills in, and what a server becomes of it. Pure: no database, no
//! network, no clock.
