/* Training of microgpt's model in plain C, float32: what one writes in an afternoon.
 *
 * Forward, backward by hand and Adam, as in microgpt.py; the sizes are macros, so that the
 * compiler knows every loop. No intrinsics and no library beyond libm: gcc makes vectors of the
 * loops (tools/c_loop.py compiles with -O3 -march=native -ffast-math).
 *
 * Parameters lie flat in microgpt.py's order, each matrix (out, in). Of those that are multiplied
 * there is a second copy, (in, out), so that every product is a sum of rows; see `product`, which
 * has two forms: three plain loops, and (-DTILES) tiles whose sums stay in registers.
 */
#include <math.h>
#include <string.h>

#define D (C / H)               /* width of a head */
#define VP ((V + 15) / 16 * 16) /* logits of a token, padded to whole vectors */
#define LAYER (12 * C * C)
#define WPE (V * C)
#define LM (WPE + B * C)
#define FIRST (LM + V * C)
#define PARAMETERS (FIRST + L * LAYER)
/* within a layer: wq, wk and wv as one matrix (3C, C), then wo, fc1, fc2 */
#define WO (3 * C * C)
#define FC1 (4 * C * C)
#define FC2 (8 * C * C)

static float w[PARAMETERS], g[PARAMETERS], m[PARAMETERS], v[PARAMETERS];
static float lm_t[C * VP], t_[L * LAYER]; /* transposed: (in, out) */
static const float beta1 = 0.85f, beta2 = 0.99f, eps = 1e-8f;

/* What backward needs of forward. x[0] follows the embedding, x[l + 1] layer l. */
static float x[L + 1][B * C], scale0[B], embedded[B * C];
static float n1[L][B * C], scale1[L][B], qkv[L][B * 3 * C], look[L][H][B][B], found[L][B * C];
static float mid[L][B * C], n2[L][B * C], scale2[L][B], hidden[L][B * 4 * C];
static float logits[B * VP];

#define INLINE static inline __attribute__((always_inline))

/* y (rows, out) = or += a (rows, in) b (in, out).
 * a's element (r, i) is a[r * by_row + i * by_in], also for a transposed. */
#ifndef TILES
INLINE void product(float *restrict y, const float *restrict a, int by_row, int by_in,
                    const float *restrict b, int rows, int in, const int out, int add) {
    for (int t = 0; t < rows; t++) {
        float *z = y + t * out;
        if (!add) memset(z, 0, out * sizeof *z);
        for (int i = 0; i < in; i++)
            for (int j = 0; j < out; j++) z[j] += a[t * by_row + i * by_in] * b[i * out + j];
    }
}
#else
/* Four rows at a time over W columns, so that the sums stay in registers.
 * The loop over columns is kept a loop until vectors are made: gcc 12 makes poor ones otherwise. */
#define LOOP _Pragma("GCC unroll 1") for
#define COLUMNS(W)                                                                        \
    for (int k = 0; k < out; k += W) {                                                    \
        int t = 0;                                                                        \
        for (; t + 4 <= rows; t += 4) {                                                   \
            float s0[W] = {0}, s1[W] = {0}, s2[W] = {0}, s3[W] = {0};                     \
            const float *p = a + t * by_row;                                              \
            for (int i = 0; i < in; i++) {                                                \
                float a0 = p[i * by_in], a1 = p[by_row + i * by_in],                      \
                      a2 = p[2 * by_row + i * by_in], a3 = p[3 * by_row + i * by_in];     \
                const float *q = b + i * out + k;                                         \
                LOOP (int j = 0; j < W; j++) {                                            \
                    s0[j] += a0 * q[j];                                                   \
                    s1[j] += a1 * q[j];                                                   \
                    s2[j] += a2 * q[j];                                                   \
                    s3[j] += a3 * q[j];                                                   \
                }                                                                         \
            }                                                                             \
            float *z = y + t * out + k;                                                   \
            for (int j = 0; j < W; j++) {                                                 \
                z[j] = s0[j] + (add ? z[j] : 0);                                          \
                z[out + j] = s1[j] + (add ? z[out + j] : 0);                              \
                z[2 * out + j] = s2[j] + (add ? z[2 * out + j] : 0);                      \
                z[3 * out + j] = s3[j] + (add ? z[3 * out + j] : 0);                      \
            }                                                                             \
        }                                                                                 \
        for (; t < rows; t++) {                                                           \
            float s[W] = {0}, *z = y + t * out + k;                                       \
            for (int i = 0; i < in; i++)                                                  \
                LOOP (int j = 0; j < W; j++)                                              \
                    s[j] += a[t * by_row + i * by_in] * b[i * out + k + j];               \
            for (int j = 0; j < W; j++) z[j] = s[j] + (add ? z[j] : 0);                   \
        }                                                                                 \
    }

INLINE void product(float *restrict y, const float *restrict a, int by_row, int by_in,
                    const float *restrict b, int rows, int in, const int out, int add) {
    if (out % 32 == 0) {
        COLUMNS(32)
    } else if (out % 16 == 0) {
        COLUMNS(16)
    } else {
        COLUMNS(1)
    }
}
#endif

INLINE void normalize(float *restrict y, float *restrict scale, const float *restrict in, int n) {
    for (int t = 0; t < n; t++) {
        float sum = 0;
        for (int i = 0; i < C; i++) sum += in[t * C + i] * in[t * C + i];
        scale[t] = 1 / sqrtf(sum / C + 1e-5f);
        for (int i = 0; i < C; i++) y[t * C + i] = in[t * C + i] * scale[t];
    }
}

/* dx += scale (dy - y mean(y dy)) */
INLINE void normalize_back(float *restrict dx, const float *restrict dy, const float *restrict y,
                           const float *restrict scale, int n) {
    for (int t = 0; t < n; t++) {
        float mean = 0;
        for (int i = 0; i < C; i++) mean += y[t * C + i] * dy[t * C + i];
        mean /= C;
        for (int i = 0; i < C; i++)
            dx[t * C + i] += scale[t] * (dy[t * C + i] - y[t * C + i] * mean);
    }
}

static void attend(int l, int n) {
    static float keys[D][B], values[D][B];
    const float root = 1 / sqrtf(D);
    for (int h = 0; h < H; h++) {
        for (int u = 0; u < n; u++)
            for (int d = 0; d < D; d++) {
                keys[d][u] = qkv[l][u * 3 * C + C + h * D + d] * root;
                values[d][u] = qkv[l][u * 3 * C + 2 * C + h * D + d];
            }
        for (int t = 0; t < n; t++) {
            float *a = look[l][h][t], largest, total = 0;
            memset(a, 0, (t + 1) * sizeof *a);
            for (int d = 0; d < D; d++) {
                float q = qkv[l][t * 3 * C + h * D + d];
                for (int u = 0; u <= t; u++) a[u] += q * keys[d][u];
            }
            largest = a[0];
            for (int u = 0; u <= t; u++) largest = fmaxf(largest, a[u]);
            for (int u = 0; u <= t; u++) total += a[u] = expf(a[u] - largest);
            for (int u = 0; u <= t; u++) a[u] /= total;
            for (int d = 0; d < D; d++) {
                float sum = 0;
                for (int u = 0; u <= t; u++) sum += a[u] * values[d][u];
                found[l][t * C + h * D + d] = sum;
            }
        }
    }
}

/* d(qkv) by d(found) */
static void attend_back(float *restrict dqkv, const float *restrict dfound, int l, int n) {
    static float keys[D][B], values[D][B], dkeys[D][B], dvalues[D][B], ds[B];
    const float root = 1 / sqrtf(D);
    for (int h = 0; h < H; h++) {
        for (int u = 0; u < n; u++)
            for (int d = 0; d < D; d++) {
                keys[d][u] = qkv[l][u * 3 * C + C + h * D + d];
                values[d][u] = qkv[l][u * 3 * C + 2 * C + h * D + d];
                dkeys[d][u] = dvalues[d][u] = 0;
            }
        for (int t = 0; t < n; t++) {
            const float *a = look[l][h][t];
            float mean = 0;
            memset(ds, 0, (t + 1) * sizeof *ds);
            for (int d = 0; d < D; d++) {
                float dy = dfound[t * C + h * D + d];
                for (int u = 0; u <= t; u++) {
                    ds[u] += dy * values[d][u];
                    dvalues[d][u] += dy * a[u];
                }
            }
            for (int u = 0; u <= t; u++) mean += a[u] * ds[u];
            for (int u = 0; u <= t; u++) ds[u] = a[u] * (ds[u] - mean) * root;
            for (int d = 0; d < D; d++) {
                float q = qkv[l][t * 3 * C + h * D + d], sum = 0;
                for (int u = 0; u <= t; u++) {
                    sum += ds[u] * keys[d][u];
                    dkeys[d][u] += ds[u] * q;
                }
                dqkv[t * 3 * C + h * D + d] = sum;
            }
        }
        for (int u = 0; u < n; u++)
            for (int d = 0; d < D; d++) {
                dqkv[u * 3 * C + C + h * D + d] = dkeys[d][u];
                dqkv[u * 3 * C + 2 * C + h * D + d] = dvalues[d][u];
            }
    }
}

/* The summed loss of a document of n + 1 tokens; adds the gradients of that sum / all to g. */
static double document(const int *ids, int n, int all) {
    static float dx[B * C], dy[B * C], wide[B * 4 * C];
    for (int t = 0; t < n; t++)
        for (int i = 0; i < C; i++) embedded[t * C + i] = w[ids[t] * C + i] + w[WPE + t * C + i];
    normalize(x[0], scale0, embedded, n);
    for (int l = 0; l < L; l++) {
        const float *tr = t_ + l * LAYER;
        normalize(n1[l], scale1[l], x[l], n);
        product(qkv[l], n1[l], C, 1, tr, n, C, 3 * C, 0);
        attend(l, n);
        memcpy(mid[l], x[l], n * C * sizeof(float));
        product(mid[l], found[l], C, 1, tr + WO, n, C, C, 1);
        normalize(n2[l], scale2[l], mid[l], n);
        product(hidden[l], n2[l], C, 1, tr + FC1, n, C, 4 * C, 0);
        for (int i = 0; i < n * 4 * C; i++) hidden[l][i] = fmaxf(hidden[l][i], 0);
        memcpy(x[l + 1], mid[l], n * C * sizeof(float));
        product(x[l + 1], hidden[l], 4 * C, 1, tr + FC2, n, 4 * C, C, 1);
    }
    product(logits, x[L], C, 1, lm_t, n, C, VP, 0);

    double loss = 0;
    for (int t = 0; t < n; t++) {
        float *row = logits + t * VP, largest = row[0], total = 0;
        float right = row[ids[t + 1]];
        for (int j = 0; j < V; j++) largest = fmaxf(largest, row[j]);
        for (int j = 0; j < V; j++) total += row[j] = expf(row[j] - largest);
        loss += logf(total) + largest - right; /* the log of the softmax cannot underflow */
        for (int j = 0; j < V; j++) row[j] /= total * all;
        row[ids[t + 1]] -= 1.0f / all;
    }

    product(dx, logits, VP, 1, w + LM, n, V, C, 0);
    product(g + LM, logits, 1, VP, x[L], V, n, C, 1);
    for (int l = L - 1; l >= 0; l--) {
        const float *weights = w + FIRST + l * LAYER;
        float *grads = g + FIRST + l * LAYER;
        product(wide, dx, C, 1, weights + FC2, n, C, 4 * C, 0);
        product(grads + FC2, dx, 1, C, hidden[l], C, n, 4 * C, 1);
        for (int i = 0; i < n * 4 * C; i++) wide[i] = hidden[l][i] > 0 ? wide[i] : 0;
        product(dy, wide, 4 * C, 1, weights + FC1, n, 4 * C, C, 0);
        product(grads + FC1, wide, 1, 4 * C, n2[l], 4 * C, n, C, 1);
        normalize_back(dx, dy, n2[l], scale2[l], n);

        product(dy, dx, C, 1, weights + WO, n, C, C, 0);
        product(grads + WO, dx, 1, C, found[l], C, n, C, 1);
        attend_back(wide, dy, l, n);
        product(dy, wide, 3 * C, 1, weights, n, 3 * C, C, 0);
        product(grads, wide, 1, 3 * C, n1[l], 3 * C, n, C, 1);
        normalize_back(dx, dy, n1[l], scale1[l], n);
    }
    memset(dy, 0, n * C * sizeof(float));
    normalize_back(dy, dx, x[0], scale0, n);
    for (int t = 0; t < n; t++)
        for (int i = 0; i < C; i++) {
            g[ids[t] * C + i] += dy[t * C + i];
            g[WPE + t * C + i] += dy[t * C + i];
        }
    return loss;
}

/* Blocks of 16 by 16, so that neither side strides through memory for long. */
INLINE void transpose(float *restrict to, const float *restrict from, const int rows,
                      const int columns, const int stride) {
    for (int r = 0; r < rows; r += 16)
        for (int c = 0; c < columns; c += 16)
            for (int i = r; i < (r + 16 < rows ? r + 16 : rows); i++)
                for (int j = c; j < (c + 16 < columns ? c + 16 : columns); j++)
                    to[j * stride + i] = from[i * columns + j];
}

static void copies(void) {
    transpose(lm_t, w + LM, V, C, VP);
    for (int l = 0; l < L; l++) {
        const float *from = w + FIRST + l * LAYER;
        float *to = t_ + l * LAYER;
        transpose(to, from, 3 * C, C, 3 * C);
        transpose(to + WO, from + WO, C, C, C);
        transpose(to + FC1, from + FC1, 4 * C, C, 4 * C);
        transpose(to + FC2, from + FC2, C, 4 * C, C);
    }
}

int parameters(void) { return PARAMETERS; }

/* Begin anew with these weights. */
void load(const double *weights) {
    for (int i = 0; i < PARAMETERS; i++) w[i] = weights[i];
    memset(m, 0, sizeof m);
    memset(v, 0, sizeof v);
    copies();
}

void gradients(double *to) {
    for (int i = 0; i < PARAMETERS; i++) to[i] = g[i];
}

/* The mean loss of `batch` documents of lengths[i] tokens each, all in one row; leaves its
 * gradients behind. */
double loss_and_gradients(const int *ids, const int *lengths, int batch) {
    double loss = 0;
    int all = 0;
    for (int i = 0; i < batch; i++) all += lengths[i] - 1;
    memset(g, 0, sizeof g);
    for (int i = 0; i < batch; ids += lengths[i++]) loss += document(ids, lengths[i] - 1, all);
    return loss / all;
}

void adam(double rate, int step) {
    const float root = sqrt(1 - pow(beta2, step + 1)), small = eps * root;
    const float by = rate * root / (1 - pow(beta1, step + 1));
    for (int i = 0; i < PARAMETERS; i++) {
        m[i] = beta1 * m[i] + (1 - beta1) * g[i];
        v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
        w[i] -= by * m[i] / (sqrtf(v[i]) + small);
    }
    copies();
}

/* Steps of `batch` documents each; returns the last mean loss. */
double train(const int *ids, const int *lengths, int steps, int batch, double rate, int step) {
    double loss = 0;
    for (int s = 0; s < steps; s++) {
        loss = loss_and_gradients(ids, lengths, batch);
        for (int i = 0; i < batch; i++) ids += *lengths++;
        adam(rate, step + s);
    }
    return loss;
}
