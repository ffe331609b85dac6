# Identities and their rights. No identity is shared. Nobody without an identity may call anything, but for the desk's sign-in page
# where the desk itself asks who comes (desk.tf).

# --- the functions

resource "google_service_account" "function" {
  for_each = local.functions

  account_id   = "fn-${each.key}"
  display_name = "Function ${each.key}"
  depends_on   = [google_project_service.api]
}

# --- the callers

resource "google_service_account" "caller" {
  for_each = {
    scheduler = "Cloud Scheduler, calling functions"
    tasks     = "Cloud Tasks, delivering to automate and fallback"
  }

  account_id   = "call-${each.key}"
  display_name = each.value
  depends_on   = [google_project_service.api]
}

locals {
  members = {
    scheduler = [google_service_account.caller["scheduler"].member]
    tasks     = [google_service_account.caller["tasks"].member]
    operators = var.operators
    visitors  = [local.visitors]
  }

  # Keys are made of values that are known before anything exists.
  invokers = merge(
    {
      for pair in flatten([
        for name, function in local.functions : [
          for caller in function.callers : { function = name, caller = caller } if caller != "operators"
        ]
      ]) : "${pair.function}/${pair.caller}" => { function = pair.function, member = local.members[pair.caller][0] }
    },
    {
      for pair in flatten([
        for name, function in local.functions : [
          for who in distinct(concat(contains(function.callers, "operators") ? var.operators : [], var.smoke_callers)) :
          { function = name, member = who }
        ]
      ]) : "${pair.function}/${pair.member}" => pair
    },
  )
}

resource "google_cloud_run_v2_service_iam_member" "invoker" {
  for_each = local.invokers

  name     = google_cloudfunctions2_function.function[each.value.function].name
  location = var.region
  role     = "roles/run.invoker"
  member   = each.value.member
}

# --- the queues: each function may put tasks only where its code does

locals {
  queues = { automation = google_cloud_tasks_queue.automation, dead-letter = google_cloud_tasks_queue.dead_letter }
  puts = [
    { function = "orchestrate", queue = "automation" },
    { function = "automate", queue = "automation" }, # tasks that wait for DigiKey's next day
    { function = "automate", queue = "dead-letter" },
    { function = "fallback", queue = "automation" }, # tasks that the sweep enqueues again
  ]
  queue_rights = merge(
    { for put in local.puts : "${put.function}/${put.queue}" => merge(put, { role = "roles/cloudtasks.enqueuer" }) },
    # The sweep asks whether a task is still there, and whether the queue is. A viewer does not see a task's body.
    { "fallback/automation/view" = { function = "fallback", queue = "automation", role = "roles/cloudtasks.viewer" } },
  )
}

resource "google_cloud_tasks_queue_iam_member" "right" {
  for_each = local.queue_rights

  name     = local.queues[each.value.queue].name
  location = var.region
  role     = each.value.role
  member   = google_service_account.function[each.value.function].member
}

# A function that creates a task with an identity must be allowed to act as it.
resource "google_service_account_iam_member" "act_as_tasks" {
  for_each = toset(local.puts[*].function)

  service_account_id = google_service_account.caller["tasks"].name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.function[each.key].member
}

# --- the schedule: workflow lists, pauses, resumes and fires the jobs, and cannot make, change or delete one

resource "google_project_iam_custom_role" "schedule_desk" {
  role_id     = "scheduleDesk"
  title       = "Schedule desk"
  description = "Lists, pauses, resumes and fires jobs of Cloud Scheduler"
  permissions = [
    "cloudscheduler.jobs.enable", "cloudscheduler.jobs.get", "cloudscheduler.jobs.list", "cloudscheduler.jobs.pause",
    "cloudscheduler.jobs.run",
  ]
}

# Cloud Scheduler knows no right on a single job.
resource "google_project_iam_member" "schedule_desk" {
  project = var.project
  role    = google_project_iam_custom_role.schedule_desk.id
  member  = google_service_account.function["workflow"].member
}

# --- BigQuery: orchestrate reads one dataset, writes the other, and may run queries

resource "google_bigquery_dataset_iam_member" "source_reader" {
  project    = split(".", var.source_table)[0]
  dataset_id = split(".", var.source_table)[1]
  role       = "roles/bigquery.dataViewer"
  member     = google_service_account.function["orchestrate"].member
}

resource "google_bigquery_dataset_iam_member" "ledger_writer" {
  dataset_id = google_bigquery_dataset.ledger.dataset_id
  role       = "roles/bigquery.dataEditor"
  member     = google_service_account.function["orchestrate"].member
}

# The right to run a job is for the whole project. It shows no data.
resource "google_project_iam_member" "query_runner" {
  project = var.project
  role    = "roles/bigquery.jobUser"
  member  = google_service_account.function["orchestrate"].member
}

# --- the builder: the default account could do nearly everything

resource "google_service_account" "builder" {
  account_id   = "build-functions"
  display_name = "Builds the functions"
  depends_on   = [google_project_service.api]
}

resource "google_project_iam_member" "builder" {
  for_each = {
    "roles/logging.logWriter" = null
    # The service copies each archive to its own bucket, which it makes at the first build.
    "roles/storage.objectViewer" = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-\")"
  }

  project = var.project
  role    = each.key
  member  = google_service_account.builder.member

  dynamic "condition" {
    for_each = each.value == null ? [] : [each.value]

    content {
      title      = "build-sources"
      expression = condition.value
    }
  }
}

resource "google_storage_bucket_iam_member" "builder" {
  bucket = google_storage_bucket.source.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.builder.member
}

resource "google_artifact_registry_repository_iam_member" "builder" {
  repository = google_artifact_registry_repository.images.name
  location   = var.region
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.builder.member
}
