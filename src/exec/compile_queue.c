/* Jobs that wait for a compile thread, and these threads.
 *
 * The hottest job is taken first: the one whose blocks have most often run out of heat again since it
 * was asked for; among equals, the one that has waited longest. The queue is bounded: who finds it full
 * asks again when the block has stayed hot. */
#include "src/exec/internal.h"

#include "src/base/check.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_LENGTH = 64, MAX_SPARE_JOBS = 4, COMPILE_THREAD_NICE = 5 };

void compile_queue_init(struct compile_queue *queue)
{
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->wake, NULL);
    queue->last = &queue->first;
}

/* ---- jobs ----
 *
 * A job's arena has the region and all that its making needed, up to a megabyte. Pages cost more than
 * what is written to them, so a few dropped jobs are kept with theirs. */

struct compile_job *compile_queue_job_new(struct compile_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    struct compile_job *job = queue->spare;
    if (job) {
        queue->spare = job->next;
        queue->spare_count--;
        job->next = NULL;
    }
    pthread_mutex_unlock(&queue->lock);
    if (!job) {
        job = calloc(1, sizeof *job);
        CHECK(job, "out of memory");
        arena_init(&job->arena);
    }
    return job;
}

static void destroy_job(struct compile_job *job)
{
    arena_fini(&job->arena);
    free(job);
}

static void destroy_jobs(struct compile_job *job)
{
    for (struct compile_job *next; job; job = next) {
        next = job->next;
        destroy_job(job);
    }
}

void compile_queue_job_drop(struct compile_queue *queue, struct compile_job *job)
{
    arena_reset(&job->arena);
    *job = (struct compile_job){.arena = job->arena};
    pthread_mutex_lock(&queue->lock);
    bool is_kept = queue->spare_count < MAX_SPARE_JOBS;
    if (is_kept) {
        job->next = queue->spare;
        queue->spare = job;
        queue->spare_count++;
    }
    pthread_mutex_unlock(&queue->lock);
    if (!is_kept)
        destroy_job(job);
}

/* ---- the waiting jobs ---- */

static bool covers(const struct compile_job *job, const struct tb *tb)
{
    for (uint32_t i = 0; i < job->covered_count; i++)
        if (job->covered[i] == tb)
            return true;
    return job->asker == tb;
}

void compile_queue_reheat(struct compile_queue *queue, const struct tb *tb)
{
    pthread_mutex_lock(&queue->lock);
    for (struct compile_job *job = queue->first; job; job = job->next)
        job->reheats += covers(job, tb);
    pthread_mutex_unlock(&queue->lock);
}

/* Where the hottest job hangs; the queue is not empty. Lock held. */
static struct compile_job **find_hottest(struct compile_queue *queue)
{
    struct compile_job **hottest = &queue->first;
    for (struct compile_job **place = hottest; *place; place = &(*place)->next)
        if ((*place)->reheats > (*hottest)->reheats)
            hottest = place;
    return hottest;
}

/* Waits for a job; NULL when the threads are to end. */
static struct compile_job *take(struct compile_queue *queue)
{
    struct compile_job *job = NULL;
    pthread_mutex_lock(&queue->lock);
    while (!queue->first && !queue->is_stopping)
        pthread_cond_wait(&queue->wake, &queue->lock);
    if (!queue->is_stopping) {
        struct compile_job **place = find_hottest(queue);
        job = *place;
        *place = job->next;
        if (!*place)
            queue->last = place;
        queue->length--;
    }
    pthread_mutex_unlock(&queue->lock);
    return job;
}

static uint32_t length_of(struct compile_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    uint32_t length = queue->length;
    pthread_mutex_unlock(&queue->lock);
    return length;
}

bool compile_queue_is_full(struct compile_queue *queue)
{
    return length_of(queue) >= MAX_LENGTH;
}

bool compile_queue_is_empty(struct compile_queue *queue)
{
    return length_of(queue) == 0;
}

/* ---- compile threads ---- */

static void *compile_thread(void *argument)
{
    struct exec *exec = argument;
    struct tier *tier = NULL;
    struct compile_job *job;
    if (!exec->has_one_cpu) /* where it would make the guest wait longer for the same */
        setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), COMPILE_THREAD_NICE);
    while ((job = take(&exec->queue))) {
        struct error err;
        promote_compile(exec, &tier, job, &err);
    }
    return tier;
}

static void start_threads(struct exec *exec)
{
    struct compile_queue *queue = &exec->queue;
    queue->threads = calloc(exec->config.jit_threads, sizeof *queue->threads);
    queue->tiers = calloc(exec->config.jit_threads, sizeof *queue->tiers);
    CHECK(queue->threads && queue->tiers, "out of memory");
    while (queue->thread_count < exec->config.jit_threads &&
           exec_start_thread(exec, &queue->threads[queue->thread_count], compile_thread))
        queue->thread_count++;
    CHECK(queue->thread_count, "cannot start a compile thread");
}

void compile_queue_put(struct exec *exec, struct compile_job *job)
{
    struct compile_queue *queue = &exec->queue;
    if (!queue->thread_count)
        start_threads(exec);
    pthread_mutex_lock(&queue->lock);
    *queue->last = job;
    queue->last = &job->next;
    queue->length++;
    pthread_cond_signal(&queue->wake);
    pthread_mutex_unlock(&queue->lock);
}

void compile_queue_stop(struct compile_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->is_stopping = true;
    pthread_cond_broadcast(&queue->wake);
    pthread_mutex_unlock(&queue->lock);
    for (uint32_t i = 0; i < queue->thread_count; i++)
        pthread_join(queue->threads[i], (void **)&queue->tiers[i]);
    destroy_jobs(queue->first);
    queue->first = NULL;
}

void compile_queue_fini(struct compile_queue *queue)
{
    for (uint32_t i = 0; i < queue->thread_count; i++)
        if (queue->tiers[i])
            queue->tiers[i]->destroy(queue->tiers[i]);
    destroy_jobs(queue->spare);
    free(queue->threads);
    free(queue->tiers);
    pthread_mutex_destroy(&queue->lock);
    pthread_cond_destroy(&queue->wake);
}
