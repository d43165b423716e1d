// A CUDA driver over the host's memory: what LwjglDriver calls, and stubs of what LWJGL looks up beside it.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef void *handle;
enum { SUCCESS = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, INVALID_CONTEXT = 201, INVALIDATED = 901 };
static char context, stream, event, timed[2], graph, executable, pool;
static int timed_made, timed_recorded;
static handle current;
static int retained, capturing;
static int64_t threshold;

#define NEEDS_CONTEXT \
  if (current != &context) return INVALID_CONTEXT

int cuGetErrorName(int status, const char **text) {
  *text = status == OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY" : status == INVALID_VALUE ? "CUDA_ERROR_INVALID_VALUE" : "CUDA_ERROR_OTHER";
  return SUCCESS;
}
int cuGetErrorString(int status, const char **text) {
  *text = status == INVALID_VALUE ? "invalid argument" : "something else";
  return SUCCESS;
}
int cuInit(unsigned flags) { return getenv("FAKE_CUDA_INIT") ? atoi(getenv("FAKE_CUDA_INIT")) : flags == 0 ? SUCCESS : INVALID_VALUE; }
int cuDriverGetVersion(int *version) { *version = 13000; return SUCCESS; }
int cuDeviceGetCount(int *count) { *count = getenv("FAKE_CUDA_GPUS") ? atoi(getenv("FAKE_CUDA_GPUS")) : 1; return SUCCESS; }
int cuDeviceGet(int *device, int ordinal) { *device = 7; return ordinal == 0 ? SUCCESS : INVALID_VALUE; }
int cuDeviceGetName(char *name, int length, int device) { strncpy(name, "Imagined GPU", (size_t)length); return device == 7 ? SUCCESS : INVALID_VALUE; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = (size_t)8 << 30; return device == 7 ? SUCCESS : INVALID_VALUE; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  const char *major = getenv("FAKE_CUDA_MAJOR");
  *value = attribute == 75 ? (major ? atoi(major) : 9) : attribute == 76 ? 0 : attribute == 16 ? 132 : attribute == 115;
  return device == 7 ? SUCCESS : INVALID_VALUE;
}
int cuDevicePrimaryCtxRetain(handle *out, int device) { *out = &context; retained++; return device == 7 ? SUCCESS : INVALID_VALUE; }
int cuDevicePrimaryCtxRelease_v2(int device) { return device == 7 && retained-- == 1 ? SUCCESS : INVALID_VALUE; }
int cuCtxSetCurrent(handle wanted) { current = wanted; return wanted == &context ? SUCCESS : INVALID_CONTEXT; }
int cuCtxSynchronize(void) { NEEDS_CONTEXT; return capturing ? INVALIDATED : SUCCESS; }
int cuDeviceGetDefaultMemPool(handle *out, int device) { *out = &pool; return device == 7 ? SUCCESS : INVALID_VALUE; }
int cuMemPoolSetAttribute(handle which, int attribute, void *value) {
  memcpy(&threshold, value, sizeof threshold);
  return which == &pool && attribute == 4 && threshold == -1 ? SUCCESS : INVALID_VALUE;
}
int cuStreamCreate(handle *out, unsigned flags) { NEEDS_CONTEXT; *out = &stream; return flags == 1 ? SUCCESS : INVALID_VALUE; }
int cuStreamDestroy_v2(handle which) { return which == &stream ? SUCCESS : INVALID_VALUE; }
int cuStreamSynchronize(handle which) { NEEDS_CONTEXT; return which == &stream && !capturing ? SUCCESS : INVALID_VALUE; }
int cuMemAllocAsync(uint64_t *address, size_t bytes, handle which) {
  NEEDS_CONTEXT;
  if (bytes > (size_t)1 << 30) return OUT_OF_MEMORY;
  *address = (uint64_t)malloc(bytes);
  return which == &stream ? SUCCESS : INVALID_VALUE;
}
int cuMemFreeAsync(uint64_t address, handle which) { free((void *)address); return which == &stream ? SUCCESS : INVALID_VALUE; }
int cuMemsetD8Async(uint64_t address, unsigned char value, size_t bytes, handle which) {
  memset((void *)address, value, bytes);
  return which == &stream ? SUCCESS : INVALID_VALUE;
}
int cuMemPoolGetAttribute(handle which, int attribute, void *value) {
  *(unsigned long long *)value = 11;
  return which == &pool && attribute == 5 ? SUCCESS : INVALID_VALUE; // CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT
}
int cuMemGetInfo_v2(size_t *available, size_t *total) { *available = 5; *total = 9; return SUCCESS; }
int cuMemHostAlloc(void **out, size_t bytes, unsigned flags) { NEEDS_CONTEXT; *out = malloc(bytes); return flags == 0 ? SUCCESS : INVALID_VALUE; }
int cuMemFreeHost(void *memory) { free(memory); return SUCCESS; }
int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t bytes, handle which) {
  memcpy((void *)to, from, bytes);
  return which == &stream ? SUCCESS : INVALID_VALUE;
}
int cuMemcpyDtoHAsync_v2(void *to, uint64_t from, size_t bytes, handle which) {
  memcpy(to, (const void *)from, bytes);
  return which == &stream ? SUCCESS : INVALID_VALUE;
}
int cuEventCreate(handle *out, unsigned flags) { // two with time stamps and any number without
  NEEDS_CONTEXT;
  *out = flags == 0 && timed_made < 2 ? &timed[timed_made++] : &event;
  return flags == 0 || flags == 2 ? SUCCESS : INVALID_VALUE;
}
static int is_timed(handle which) { return which == &timed[0] || which == &timed[1]; }
int cuEventDestroy_v2(handle which) { return which == &event || is_timed(which) ? SUCCESS : INVALID_VALUE; }
int cuEventRecord(handle which, handle on) {
  timed_recorded += is_timed(which);
  return (which == &event || is_timed(which)) && on == &stream ? SUCCESS : INVALID_VALUE;
}
int cuEventElapsedTime(float *milliseconds, handle from, handle to) {
  *milliseconds = 1.5f;
  return from == &timed[0] && to == &timed[1] && timed_recorded == 2 ? SUCCESS : INVALID_VALUE;
}
int cuEventSynchronize(handle which) { return which == &event ? SUCCESS : INVALID_VALUE; }
int cuStreamBeginCapture_v2(handle which, int mode) {
  capturing = 1;
  return which == &stream && mode == 1 ? SUCCESS : INVALID_VALUE; // thread-local
}
int cuStreamEndCapture(handle which, handle *out) {
  *out = &graph;
  return which == &stream && capturing-- == 1 ? SUCCESS : INVALID_VALUE;
}
int cuGraphInstantiateWithFlags(handle *out, handle of, unsigned long long flags) {
  *out = &executable;
  return of == &graph && flags == 0 ? SUCCESS : INVALID_VALUE;
}
int cuGraphDestroy(handle which) { return which == &graph ? SUCCESS : INVALID_VALUE; }
int cuGraphLaunch(handle which, handle on) { return which == &executable && on == &stream ? SUCCESS : INVALID_VALUE; }
int cuGraphExecDestroy(handle which) { return which == &executable ? SUCCESS : INVALID_VALUE; }

#define STUB(name) \
  int name(void) { return INVALID_VALUE; }
STUB(cuDeviceGetProperties)
STUB(cuDeviceComputeCapability)
STUB(cuCtxCreate_v2)
STUB(cuCtxGetDevice)
STUB(cuCtxSetLimit)
STUB(cuCtxGetLimit)
STUB(cuCtxGetCacheConfig)
STUB(cuCtxSetCacheConfig)
STUB(cuCtxGetApiVersion)
STUB(cuCtxGetStreamPriorityRange)
STUB(cuCtxAttach)
STUB(cuCtxDetach)
STUB(cuModuleLoad)
STUB(cuModuleLoadData)
STUB(cuModuleLoadDataEx)
STUB(cuModuleLoadFatBinary)
STUB(cuModuleUnload)
STUB(cuModuleGetFunction)
STUB(cuModuleGetGlobal_v2)
STUB(cuModuleGetTexRef)
STUB(cuModuleGetSurfRef)
STUB(cuMemAlloc_v2)
STUB(cuMemAllocPitch_v2)
STUB(cuMemFree_v2)
STUB(cuMemGetAddressRange_v2)
STUB(cuMemAllocHost_v2)
STUB(cuMemHostGetDevicePointer_v2)
STUB(cuMemHostGetFlags)
STUB(cuMemcpyHtoD_v2)
STUB(cuMemcpyDtoH_v2)
STUB(cuMemcpyDtoD_v2)
STUB(cuMemcpyDtoA_v2)
STUB(cuMemcpyAtoD_v2)
STUB(cuMemcpyHtoA_v2)
STUB(cuMemcpyAtoH_v2)
STUB(cuMemcpyAtoA_v2)
STUB(cuMemcpy2D_v2)
STUB(cuMemcpy2DUnaligned_v2)
STUB(cuMemcpy3D_v2)
STUB(cuMemcpyDtoDAsync_v2)
STUB(cuMemcpyHtoAAsync_v2)
STUB(cuMemcpyAtoHAsync_v2)
STUB(cuMemcpy2DAsync_v2)
STUB(cuMemcpy3DAsync_v2)
STUB(cuMemsetD8_v2)
STUB(cuMemsetD16_v2)
STUB(cuMemsetD32_v2)
STUB(cuMemsetD2D8_v2)
STUB(cuMemsetD2D16_v2)
STUB(cuMemsetD2D32_v2)
STUB(cuMemsetD16Async)
STUB(cuMemsetD32Async)
STUB(cuMemsetD2D8Async)
STUB(cuMemsetD2D16Async)
STUB(cuMemsetD2D32Async)
STUB(cuArrayCreate_v2)
STUB(cuArrayGetDescriptor_v2)
STUB(cuArrayDestroy)
STUB(cuArray3DCreate_v2)
STUB(cuArray3DGetDescriptor_v2)
STUB(cuStreamCreateWithPriority)
STUB(cuStreamGetPriority)
STUB(cuStreamGetFlags)
STUB(cuStreamWaitEvent)
STUB(cuStreamQuery)
STUB(cuEventQuery)
STUB(cuFuncGetAttribute)
STUB(cuFuncSetCacheConfig)
STUB(cuFuncSetBlockShape)
STUB(cuFuncSetSharedSize)
STUB(cuParamSetSize)
STUB(cuParamSeti)
STUB(cuParamSetf)
STUB(cuParamSetv)
STUB(cuLaunch)
STUB(cuLaunchGrid)
STUB(cuLaunchGridAsync)
STUB(cuParamSetTexRef)
STUB(cuTexRefSetArray)
STUB(cuTexRefSetMipmappedArray)
STUB(cuTexRefSetAddress_v2)
STUB(cuTexRefSetAddress2D_v3)
STUB(cuTexRefSetFormat)
STUB(cuTexRefSetAddressMode)
STUB(cuTexRefSetFilterMode)
STUB(cuTexRefSetMipmapFilterMode)
STUB(cuTexRefSetMipmapLevelBias)
STUB(cuTexRefSetMipmapLevelClamp)
STUB(cuTexRefSetMaxAnisotropy)
STUB(cuTexRefSetBorderColor)
STUB(cuTexRefSetFlags)
STUB(cuTexRefGetAddress_v2)
STUB(cuTexRefGetArray)
STUB(cuTexRefGetMipmappedArray)
STUB(cuTexRefGetAddressMode)
STUB(cuTexRefGetFilterMode)
STUB(cuTexRefGetFormat)
STUB(cuTexRefGetMipmapFilterMode)
STUB(cuTexRefGetMipmapLevelBias)
STUB(cuTexRefGetMipmapLevelClamp)
STUB(cuTexRefGetMaxAnisotropy)
STUB(cuTexRefGetBorderColor)
STUB(cuTexRefGetFlags)
STUB(cuTexRefCreate)
STUB(cuTexRefDestroy)
STUB(cuSurfRefSetArray)
STUB(cuSurfRefGetArray)
STUB(cuGraphicsUnregisterResource)
STUB(cuGraphicsSubResourceGetMappedArray)
STUB(cuGraphicsResourceGetMappedPointer_v2)
STUB(cuGraphicsResourceSetMapFlags_v2)
STUB(cuGraphicsMapResources)
STUB(cuGraphicsUnmapResources)
STUB(cuGetExportTable)
