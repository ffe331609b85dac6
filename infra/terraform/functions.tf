# One function for each entry of local.functions.

locals {
  pipeline = jsondecode(file("${path.module}/../../shared/pipeline.json"))
  stages   = { for stage in local.pipeline.stages : stage.name => stage }

  # The oldest Python that pyproject.toml allows. requirements.txt is compiled for it, and CI runs it.
  runtime = "python311"

  # Half a CPU, because a stage mostly waits for marketplace and carrier. Below one CPU the platform gives an instance one request
  # at a time, so a run has its process for itself. Three instances: the run, a duplicate firing that gets a 409, a health check.
  # None is kept warm, because nobody waits for a stage's first second.
  stage_shape = { cpu = "0.5", memory = "512Mi", concurrency = 1, min = 0, max = 3 }

  worker_concurrency = 8

  # timeout in seconds; callers are roles of identity.tf.
  functions = merge(
    {
      # A run of 10,000 records takes minutes; after 900 s its batch counts as it is (batch_status). The batch's name keeps a
      # second firing out, so the second instance is for a dry run. 1 GiB: BigQuery's client and its pages.
      orchestrate = {
        cpu         = "1"
        memory      = "1Gi"
        concurrency = 4
        timeout     = 900
        min         = 0
        max         = 2
        callers     = ["scheduler", "operators"]
      }
      # One record per delivery, which mostly waits for DigiKey: eight share a CPU. Never longer than the lease. As many
      # instances as the queue can keep busy, and one for the change of revisions.
      automate = {
        cpu         = "1"
        memory      = "512Mi"
        concurrency = local.worker_concurrency
        timeout     = var.automation_lease_seconds
        min         = 0
        max         = 1 + ceil(var.workflow.automation_max_concurrent / local.worker_concurrency)
        callers     = ["tasks"]
      }
      # A dead letter is one database call. A sweep begins nothing after SWEEP_SECONDS (200): the rest is for its last page, at most
      # four tries of 10 s at Cloud Tasks, and for the figures.
      fallback = {
        cpu         = "1"
        memory      = "512Mi"
        concurrency = 8
        timeout     = 280
        min         = 0
        max         = 2
        callers     = ["tasks", "scheduler", "operators"]
      }
      # A team calls it during work hours: short calls, a few at a time. Set min = 1 if the first call of the morning must not
      # take seconds.
      workflow = {
        cpu         = "1"
        memory      = "512Mi"
        concurrency = 16
        timeout     = 60
        min         = 0
        max         = 4
        callers     = ["operators"]
      }
      # Pages that a few people click through, each three database calls at most. Who may enter is settled at its door (desk.tf).
      desk = {
        cpu         = "1"
        memory      = "512Mi"
        concurrency = 8
        timeout     = 60
        min         = 0
        max         = 3
        callers     = ["visitors"]
      }
    },
    {
      for name, stage in local.stages :
      name => merge(local.stage_shape, { timeout = stage.timeout_seconds, callers = ["scheduler", "operators"] })
    },
  )

  # Cloud Run's deterministic addresses: known before the function exists, so that `automate` can be given its own.
  urls = {
    for name in keys(local.functions) :
    name => "https://${name}-${data.google_project.this.number}.${var.region}.run.app"
  }
}

# --- settings: each function gets exactly what its code reads

locals {
  # Written by `python -m infra.function_settings`; a test compares it with the code.
  required_settings = jsondecode(file("${path.module}/required_settings.json"))
  settings_of = {
    for name, settings in local.required_settings.functions : name => concat(settings.required, settings.optional)
  }
  # A function cannot start with a secret that does not exist, so an optional one is given when you say that it does.
  secrets_of = {
    for name, settings in local.required_settings.functions :
    name => concat(settings.secret, [for secret in settings.optional_secret : secret if contains(var.optional_secrets, secret)])
  }
  secret_names          = sort(distinct(flatten(values(local.secrets_of))))
  optional_secret_names = sort(distinct(flatten([for settings in values(local.required_settings.functions) : settings.optional_secret])))

  # Settings with a variable or a resource here. Every other one comes from var.settings, or has its default.
  own_settings = merge(
    {
      SUPABASE_URL                = var.supabase_url
      GOOGLE_CLOUD_PROJECT        = var.project
      BIGQUERY_TABLE              = var.source_table
      BIGQUERY_LEDGER_TABLE       = "${var.project}.${google_bigquery_dataset.ledger.dataset_id}.finished"
      BIGQUERY_LOCATION           = var.bigquery_location
      TASKS_LOCATION              = var.region
      SCHEDULER_LOCATION          = var.region
      AUTOMATION_QUEUE            = google_cloud_tasks_queue.automation.name
      DEAD_LETTER_QUEUE           = google_cloud_tasks_queue.dead_letter.name
      AUTOMATE_URL                = local.urls["automate"]
      FALLBACK_URL                = local.urls["fallback"]
      TASKS_SERVICE_ACCOUNT       = google_service_account.caller["tasks"].email
      QUEUE_MAX_ATTEMPTS          = tostring(var.queue_max_attempts)
      AUTOMATION_LEASE_SECONDS    = tostring(var.automation_lease_seconds)
      DIGIKEY_CLIENT_ID           = var.digikey_client_id
      CANADA_POST_API_USER        = var.canada_post.api_user
      CANADA_POST_CUSTOMER_NUMBER = var.canada_post.customer_number
      DESK_DOOR                   = var.desk_door
      DESK_OPERATORS              = join(",", var.desk_operators)
      DESK_IAP_AUDIENCE           = local.desk_audience
      CANADA_POST_SENDER          = jsonencode({ for name, text in var.canada_post.sender : name => text if text != null })
    },
    { for name, value in var.workflow : "WORKFLOW_${upper(name)}" => tostring(value) },
  )
  free_settings = setsubtract(flatten(values(local.settings_of)), local.own_setting_names)
  # Written by hand, because a validation that read own_settings would wait for resources.
  own_setting_names = concat(
    [
      "SUPABASE_URL", "GOOGLE_CLOUD_PROJECT", "BIGQUERY_TABLE", "BIGQUERY_LEDGER_TABLE", "BIGQUERY_LOCATION", "TASKS_LOCATION",
      "SCHEDULER_LOCATION", "AUTOMATION_QUEUE", "DEAD_LETTER_QUEUE", "AUTOMATE_URL", "FALLBACK_URL", "TASKS_SERVICE_ACCOUNT",
      "QUEUE_MAX_ATTEMPTS", "AUTOMATION_LEASE_SECONDS", "DIGIKEY_CLIENT_ID", "CANADA_POST_API_USER", "CANADA_POST_CUSTOMER_NUMBER",
      "CANADA_POST_SENDER", "DESK_DOOR", "DESK_OPERATORS", "DESK_IAP_AUDIENCE",
    ],
    [for name in keys(local.required_settings.workflow) : "WORKFLOW_${upper(name)}"],
  )
  given_settings = merge(var.settings, local.own_settings)
}

resource "google_storage_bucket_object" "archive" {
  for_each = local.functions

  bucket = google_storage_bucket.source.name
  # Named by its content: an unchanged archive changes nothing, a changed one rebuilds only its function.
  name   = "${each.key}-${filesha256("${var.archives_dir}/${each.key}.zip")}.zip"
  source = "${var.archives_dir}/${each.key}.zip"

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_cloudfunctions2_function" "function" {
  for_each = local.functions

  name     = each.key
  location = var.region

  build_config {
    runtime           = local.runtime
    entry_point       = replace(each.key, "-", "_")
    service_account   = google_service_account.builder.id
    docker_repository = google_artifact_registry_repository.images.id

    source {
      storage_source {
        bucket = google_storage_bucket.source.name
        object = google_storage_bucket_object.archive[each.key].name
      }
    }
  }

  service_config {
    service_account_email            = google_service_account.function[each.key].email
    available_cpu                    = each.value.cpu
    available_memory                 = each.value.memory
    timeout_seconds                  = each.value.timeout
    min_instance_count               = each.value.min
    max_instance_count               = each.value.max
    max_instance_request_concurrency = each.value.concurrency
    # The network is open and identity decides, because Scheduler, Tasks and people call from different networks.
    ingress_settings = "ALLOW_ALL"

    environment_variables = merge(
      {
        for name, value in local.given_settings : name => value
        if contains(lookup(local.settings_of, each.key, []), name)
      },
      # Without it functions-framework starts four threads per CPU, whatever the concurrency.
      { THREADS = tostring(each.value.concurrency) },
    )

    dynamic "secret_environment_variables" {
      for_each = lookup(local.secrets_of, each.key, [])

      content {
        key        = secret_environment_variables.value
        project_id = var.project
        secret     = local.secrets[secret_environment_variables.value]
        version    = lookup(var.secret_versions, secret_environment_variables.value, "latest")
      }
    }
  }

  lifecycle {
    precondition {
      condition     = contains(keys(local.required_settings.functions), each.key)
      error_message = "required_settings.json does not know ${each.key}: run `python -m infra.function_settings`."
    }
  }

  # A revision starts only when it can read its secrets, and a build needs the rights of the builder.
  depends_on = [
    google_project_service.api,
    google_secret_manager_secret_iam_member.reader,
    google_artifact_registry_repository_iam_member.builder,
    google_project_iam_member.builder,
    google_storage_bucket_iam_member.builder,
  ]
}
