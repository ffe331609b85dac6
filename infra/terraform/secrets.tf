# gcloud makes and fills the secrets (docs/deploy.md), so that no value ever passes through Terraform or its state. This file only
# names them, and lets each function read its own.

locals {
  # BEST_BUY_API_KEY is kept as best-buy-api-key.
  secrets = { for name in local.secret_names : name => lower(replace(name, "_", "-")) }

  secret_readers = merge([
    for function in keys(local.functions) : {
      for name in lookup(local.secrets_of, function, []) : "${function}/${name}" => { function = function, name = name }
    }
  ]...)
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each = local.secret_readers

  secret_id = "projects/${var.project}/secrets/${local.secrets[each.value.name]}"
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function[each.value.function].member
}
