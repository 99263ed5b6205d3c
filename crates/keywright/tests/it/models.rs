//! `models`: what the providers behind the server have.

use crate::cli::Cli;
use crate::home::Home;
use crate::served::Served;

#[test]
fn models_are_listed_with_their_providers_and_what_is_missing_is_said() {
    let cli = Cli::new();
    let ended = cli.run(["models"]).with_code(0);
    assert!(ended.stdout.starts_with("PROVIDER") && ended.stdout.contains("claude-x"), "{}", ended.stdout);
    assert!(ended.stderr.contains("groq did not say"), "{}", ended.stderr);
    let json = cli.run(["models", "--json"]).with_code(0).json();
    assert_eq!(json["data"]["models"][1]["provider"], "openai");
}

#[test]
fn the_demo_providers_models_are_there() {
    let home = Home::new();
    let served = Served::demo(&home);
    let json = served.cli(&home, ["models", "--json"]).with_code(0).json();
    let models = json["data"]["models"].as_array().unwrap();
    let ids: Vec<&str> = models.iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["demo-small", "demo-large"]);
    assert_eq!(models[0]["dialects"].as_array().unwrap().len(), 3);
}
