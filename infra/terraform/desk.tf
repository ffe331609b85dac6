# Who reaches the desk. It is the one function that people open in a browser, so that who may see it is settled apart.

locals {
  is_iap = var.desk_door == "iap"

  # Identity-Aware Proxy calls the service by this account, once somebody has passed it.
  iap_agent = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-iap.iam.gserviceaccount.com"

  # At the door `supabase` the desk itself asks who comes, so anybody may see its sign-in page.
  visitors = local.is_iap ? local.iap_agent : "allUsers"

  desk_audience = "/projects/${data.google_project.this.number}/locations/${var.region}/services/desk"

  # Passing IAP gives no role: the desk asks its own table, too.
  desk_people = local.is_iap ? setunion(var.desk_people, [for email in var.desk_operators : "user:${email}"]) : toset([])
}

resource "google_iap_web_cloud_run_service_iam_member" "person" {
  for_each = local.desk_people

  location               = var.region
  cloud_run_service_name = google_cloudfunctions2_function.function["desk"].name
  role                   = "roles/iap.httpsResourceAccessor"
  member                 = each.value
}
