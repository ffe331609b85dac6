-- One window of the record source: the rows whose turn it is. bigquery.py checks the names and inserts them in place of the
-- braces; values are parameters.
--
-- A content that was never taken is fresh, one whose next turn has come is taken again. Fresh rows come by score, the others by
-- the age of their turn, so that nothing at the head starves the rest. The two are mixed by share over the whole UTC day: what
-- the day has taken already (fresh_taken, again_taken) counts.
--
-- The hash is computed once, in a subquery: repeated in the join, it doubled the time on the emulator. It covers the
-- fields of the part and not the score, so that a completed part stays completed when only its score changes.
-- A missing score and NaN count as 0.
WITH part AS (
  SELECT
    pn, manufacturer, category, description, specs, docs, images, priority_score,
    COALESCE(IF(IS_NAN(priority_score.score), 0, priority_score.score), 0) AS rank_score,
    COALESCE(pn, '') AS rank_pn,
    TO_HEX(SHA256(TO_JSON_STRING(STRUCT(
      pn AS pn, manufacturer AS manufacturer, category AS category, description AS description,
      specs AS specs, docs AS docs, images AS images
    )))) AS content_hash
  FROM `{table}`
),

known AS (
  {known}
),

-- A noted content came back (A, B, A) when the content that was noted last for its record has gone. A row below the threshold
-- has not gone, so the threshold comes after this.
turn AS (
  SELECT
    part.pn, part.manufacturer, part.category, part.description, part.specs, part.docs, part.images, part.priority_score,
    part.rank_score, part.rank_pn, part.content_hash, known.next_turn,
    COALESCE(known.again, FALSE) AS again,
    known.record_key IS NOT NULL AND NOT COALESCE(LOGICAL_OR(part.content_hash = known.latest_hash) OVER (
      -- rows that were never taken each have a partition: all in one would be one worker's
      PARTITION BY COALESCE(known.record_key, part.content_hash)
    ), FALSE) AS returned
  FROM part
  LEFT JOIN known ON known.content_hash = part.content_hash
),

fresh AS (
  SELECT *, FALSE AS is_again FROM turn
  WHERE rank_score >= @threshold AND (next_turn IS NULL OR returned OR (next_turn <= @now AND NOT again))
    AND (
      @after_score IS NULL
      OR rank_score < @after_score
      OR (rank_score = @after_score AND rank_pn > @after_pn)
      OR (rank_score = @after_score AND rank_pn = @after_pn AND content_hash > @after_hash)
    )
  ORDER BY rank_score DESC, rank_pn, content_hash
  LIMIT @row_limit
),

worn AS (
  SELECT *, TRUE AS is_again FROM turn
  WHERE rank_score >= @threshold AND next_turn <= @now AND again AND NOT returned
    AND (
      @after_turn IS NULL
      OR next_turn > @after_turn
      OR (next_turn = @after_turn AND content_hash > @after_turn_hash)
    )
  ORDER BY next_turn, content_hash
  LIMIT @row_limit
),

placed AS (
  SELECT *, (@fresh_taken + ROW_NUMBER() OVER (ORDER BY rank_score DESC, rank_pn, content_hash)) / (1 - @share) AS place
  FROM fresh
  UNION ALL
  SELECT *, (@again_taken + ROW_NUMBER() OVER (ORDER BY next_turn, content_hash)) / @share AS place
  FROM worn
)

SELECT
  pn, manufacturer, category, description, specs, docs, images, priority_score, rank_score, content_hash, next_turn, returned,
  is_again
FROM placed
ORDER BY place, is_again, content_hash
LIMIT @row_limit
