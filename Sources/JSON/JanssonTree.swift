internal import CJansson

// SAFETY: `root` is valid from `init(owning:)` to `deinit`, and nobody else releases it.

/// A tree of jansson's with one owner: released when the owner goes.
@safe struct JanssonTree: ~Copyable {
    let root: UnsafeMutablePointer<json_t>

    init(owning root: UnsafeMutablePointer<json_t>) {
        unsafe self.root = root
    }

    deinit {
        unsafe ferry_json_decref(root)
    }
}
