//! Where the command runs, as far as it decides how a person can sign in.

use crate::Environment;

/// How to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By a browser on this machine, which comes back by itself.
    Browser,
    /// By a code that is entered on any device.
    Device,
}

/// What the environment tells of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// The terminal is another machine's: a browser that opened here would open where nobody sees it.
    pub ssh: bool,
    /// Linux inside Windows: the browser is Windows', and does not always reach a port in here.
    pub wsl: bool,
    /// Something can show a window, or the user has named a browser.
    pub screen: bool,
}

impl Surroundings {
    /// Reads the variables that terminals, WSL and desktops set.
    pub fn of(environment: &Environment) -> Self {
        let set = |names: &[&str]| names.iter().any(|name| environment.text(name).is_some());
        let wsl = set(&["WSL_DISTRO_NAME"]);
        // Other systems than Linux and the BSDs have a desktop without saying so.
        let desktop = cfg!(any(target_os = "macos", target_os = "windows"));
        Self {
            ssh: set(&["SSH_CONNECTION", "SSH_TTY"]),
            wsl,
            screen: desktop || wsl || set(&["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"]),
        }
    }

    /// The way that will work here.
    pub fn way(self) -> Way {
        if self.ssh || !self.screen { Way::Device } else { Way::Browser }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_for_those_who_can_see_it() {
        for (variables, way) in [
            (&["DISPLAY"][..], Way::Browser),
            (&["WAYLAND_DISPLAY"], Way::Browser),
            (&["WSL_DISTRO_NAME"], Way::Browser),
            (&["BROWSER"], Way::Browser),
            (&["DISPLAY", "SSH_CONNECTION"], Way::Device),
            (&["BROWSER", "SSH_TTY"], Way::Device),
        ] {
            let environment: Environment = variables.iter().map(|name| (*name, "x")).collect();
            assert_eq!(Surroundings::of(&environment).way(), way, "{variables:?}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn without_a_screen_another_device_is_used() {
        assert_eq!(Surroundings::of(&Environment::default()).way(), Way::Device);
    }
}
