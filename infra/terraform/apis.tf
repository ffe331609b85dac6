# The services that are used. docs/deploy.md enables by hand the ones that Terraform needs before it can begin.
resource "google_project_service" "api" {
  for_each = toset(concat(local.is_iap ? ["iap.googleapis.com"] : [], [ # the desk's door
    "artifactregistry.googleapis.com",                                  # images of the functions
    "bigquery.googleapis.com",                                          # parts table and ledger
    "cloudbuild.googleapis.com",                                        # builds the functions
    "cloudfunctions.googleapis.com",                                    # the functions
    "cloudresourcemanager.googleapis.com",                              # project's number and rights
    "cloudscheduler.googleapis.com",                                    # fires stages, orchestrate and the sweep
    "cloudtasks.googleapis.com",                                        # automation and dead letters
    "iam.googleapis.com",                                               # service accounts
    "logging.googleapis.com",                                           # metrics from log entries
    "monitoring.googleapis.com",                                        # alerts and the dashboard
    "run.googleapis.com",                                               # runs the functions
    "secretmanager.googleapis.com",                                     # secrets
    "storage.googleapis.com",                                           # archives
  ]))

  service = each.value
  # Others in the project may use a service, and disabling it deletes its data.
  disable_on_destroy = false
}

data "google_project" "this" {
  project_id = var.project
}
