//! Which profile and server count, and from where.

use keywright_client::PlainText;
use keywright_credentials::{
    ChosenServer, Credentials, ProfileName, Settings, Standing, choose_profile, choose_server,
};

use super::Scene;
use super::finding::Finding;
use crate::error::CommandError;

/// What counts.
pub(super) struct Choice {
    /// None when it cannot be told.
    pub(super) server: Option<(ProfileName, ChosenServer)>,
    pub(super) findings: Vec<Finding>,
}

/// Chooses as every other command does.
pub(super) fn look(scene: &Scene, settings: Option<&Settings>, credentials: &Credentials) -> Choice {
    let without = Settings::default();
    let settings = settings.unwrap_or(&without);
    let global = &scene.global;
    let chosen = match choose_profile(global.profile.as_ref(), &scene.environment, settings) {
        Ok(chosen) => chosen,
        Err(error) => {
            let mend = "Correct the name, or leave it out.";
            let failed = Finding::failed("profile", &CommandError::from(error), mend);
            return Choice { server: None, findings: vec![failed] };
        }
    };
    let (profile, place) = (chosen.name, chosen.source.describe());
    let plain_text = if global.insecure { PlainText::Anywhere } else { PlainText::LoopbackOnly };
    let chosen = choose_server(global.server.as_deref(), &scene.environment, settings, &profile, plain_text);
    let server = match chosen {
        Ok(server) => server,
        Err(error) => {
            let failed = Finding::failed("server", &CommandError::from(error), "Correct the address.");
            return Choice { server: None, findings: vec![failed] };
        }
    };
    let standing = profile.standing(settings, credentials, &server.url);
    if standing == Standing::Unknown {
        let message = format!("there is no profile `{profile}`");
        let mend = "`keywright profiles list` shows those there are, `keywright profiles use` chooses one.";
        return Choice { server: None, findings: vec![Finding::problem("profile", message, mend)] };
    }
    let (profile, used) = match standing {
        Standing::Elsewhere => {
            let used = format!("default, since {profile} (from {place}) is for another server");
            (ProfileName::default(), used)
        }
        _ => (profile.clone(), format!("{profile} (from {place})")),
    };
    let findings = vec![
        Finding::ok("profile", used),
        Finding::ok("server", format!("{} (from {})", server.url, server.source.describe())),
    ];
    Choice { server: Some((profile, server)), findings }
}
