# One dashboard that shows whether everything runs, what is stuck and who must act.

locals {
  charts_of_services = {
    requests = {
      title  = "Answers of the functions, by status"
      filter = "metric.type=\"run.googleapis.com/request_count\" ${local.of_functions}"
      align  = "ALIGN_RATE"
      reduce = "REDUCE_SUM"
      group  = ["resource.label.service_name", "metric.label.response_code_class"]
    }
    latencies = {
      title  = "Time to answer, 95th percentile"
      filter = "metric.type=\"run.googleapis.com/request_latencies\" ${local.of_functions}"
      align  = "ALIGN_PERCENTILE_95"
      reduce = "REDUCE_MAX"
      group  = ["resource.label.service_name"]
    }
    depth = {
      title  = "Tasks in the queues"
      filter = "metric.type=\"cloudtasks.googleapis.com/queue/depth\" ${local.of_queues}"
      align  = "ALIGN_MAX"
      reduce = "REDUCE_SUM"
      group  = ["resource.label.queue_id"]
    }
    attempts = {
      title  = "Deliveries, by answer"
      filter = "metric.type=\"cloudtasks.googleapis.com/queue/task_attempt_count\" ${local.of_queues}"
      align  = "ALIGN_RATE"
      reduce = "REDUCE_SUM"
      group  = ["resource.label.queue_id", "metric.label.response_code"]
    }
    outcomes = {
      title  = "Records at the worker, by outcome"
      filter = "metric.type=\"${local.metric["outcomes"]}\" ${local.of_functions}"
      align  = "ALIGN_DELTA"
      reduce = "REDUCE_SUM"
      group  = ["metric.label.outcome"]
    }
    stages = {
      title  = "Successful runs of the stages"
      filter = "metric.type=\"${local.metric["stage_runs"]}\" ${local.of_functions}"
      align  = "ALIGN_DELTA"
      reduce = "REDUCE_SUM"
      group  = ["metric.label.function"]
    }
  }

  charts_of_figures = {
    for name, figure in local.figures : name => {
      title  = figure.about
      filter = "metric.type=\"${local.metric[name]}\" ${local.of_functions}"
      align  = "ALIGN_DELTA"
      reduce = "REDUCE_MEAN"
      group  = []
    }
  }

  charts = concat(values(local.charts_of_services), values(local.charts_of_figures))
}

resource "google_monitoring_dashboard" "switchyard" {
  dashboard_json = jsonencode({
    displayName = "Switchyard"
    mosaicLayout = {
      columns = 12
      tiles = [
        for place, chart in local.charts : {
          xPos   = 4 * (place % 3)
          yPos   = 4 * floor(place / 3)
          width  = 4
          height = 4
          widget = {
            title = chart.title
            xyChart = {
              dataSets = [{
                plotType = "LINE"
                timeSeriesQuery = {
                  timeSeriesFilter = {
                    filter = chart.filter
                    aggregation = {
                      alignmentPeriod    = "300s"
                      perSeriesAligner   = chart.align
                      crossSeriesReducer = chart.reduce
                      groupByFields      = chart.group
                    }
                  }
                }
              }]
            }
          }
        }
      ]
    }
  })

  depends_on = [google_cloudfunctions2_function.function]
}
